//! Bounded strings: names that people give to things.

use std::fmt;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing, or nothing but white space, was given.
    #[error("must not be empty")]
    Empty,
    /// More characters (Unicode scalar values) than the bound.
    #[error("must have at most {maximum} characters")]
    TooLong {
        /// The bound, in characters.
        maximum: usize,
    },
    /// A control character, such as NUL or a line break: it cannot be stored everywhere and can forge
    /// lines in a log.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// Checks what all texts have in common; `maximum` counts characters, not bytes.
pub(crate) fn check(text: &str, maximum: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    // The byte length bounds the work before characters are counted.
    if text.len() > maximum.saturating_mul(4) || text.chars().count() > maximum {
        return Err(TextError::TooLong { maximum });
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::ControlCharacter);
    }
    Ok(())
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $maximum:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The most characters it can have.
            pub const MAXIMUM: usize = $maximum;

            /// Accepts a text that is not blank, not longer than [`Self::MAXIMUM`] and free of control
            /// characters; it is kept exactly as given.
            ///
            /// # Errors
            /// [`TextError`] says which of these rules is broken.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let text = text.into();
                check(&text, Self::MAXIMUM)?;
                Ok(Self(text))
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

bounded_text!(
    /// The name of an organization, unique in an installation.
    OrganizationName,
    128
);
bounded_text!(
    /// The name of an application; passkey prompts show it as the relying party's name.
    ApplicationName,
    128
);
bounded_text!(
    /// The name a person gives to a credential (`credentialName`).
    CredentialName,
    128
);
bounded_text!(
    /// What an organization calls a user in its own systems (`externalId`).
    ExternalId,
    128
);
bounded_text!(
    /// What a user signs in with, usually an e-mail address; unique in an organization without regard
    /// to case.
    Username,
    254
);

impl Username {
    /// The form in which usernames are compared: lower case, without surrounding white space.
    pub fn key(&self) -> String {
        self.0.trim().to_lowercase()
    }
}

impl CredentialName {
    /// What the first credential of a registration is called when the client names none.
    pub fn default_credential() -> Self {
        Self("Default Credential".to_owned())
    }

    /// What the second credential of a registration is called when the client names none.
    pub fn second_credential() -> Self {
        Self("Second Credential".to_owned())
    }

    /// What a recovery credential is called when the client names none.
    pub fn recovery_credential() -> Self {
        Self("Recovery Credential".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blank_text_is_empty() {
        assert_eq!(CredentialName::new(" \u{2003}"), Err(TextError::Empty));
    }

    #[test]
    fn bounds_count_characters_not_bytes() {
        for symbol in ["a", "é", "字", "🔑"] {
            let texts = |maximum| (symbol.repeat(maximum), symbol.repeat(maximum + 1));
            let (longest, longer) = texts(128);
            let too_long = TextError::TooLong { maximum: 128 };
            assert!(OrganizationName::new(longest.as_str()).is_ok());
            assert_eq!(OrganizationName::new(longer.as_str()), Err(too_long));
            assert!(ApplicationName::new(longest.as_str()).is_ok());
            assert_eq!(ApplicationName::new(longer.as_str()), Err(too_long));
            assert!(CredentialName::new(longest.as_str()).is_ok());
            assert_eq!(CredentialName::new(longer.as_str()), Err(too_long));
            assert!(ExternalId::new(longest).is_ok());
            assert_eq!(ExternalId::new(longer), Err(too_long));
            let (longest, longer) = texts(254);
            assert!(Username::new(longest).is_ok());
            let too_long = TextError::TooLong { maximum: 254 };
            assert_eq!(Username::new(longer), Err(too_long));
        }
    }

    #[test]
    fn credentials_that_nobody_named_are_told_apart() {
        let names = [
            CredentialName::default_credential(),
            CredentialName::second_credential(),
            CredentialName::recovery_credential(),
        ];
        let texts = names.map(|name| name.to_string());
        let expected = [
            "Default Credential",
            "Second Credential",
            "Recovery Credential",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn nul_and_line_breaks_are_refused() {
        for text in ["a\0b", "a\nb", "a\u{85}b"] {
            assert_eq!(CredentialName::new(text), Err(TextError::ControlCharacter));
        }
    }

    #[test]
    fn usernames_compare_without_case_and_white_space_around() {
        for text in ["Ada@Example.com", " ada@example.COM\u{2003}"] {
            assert_eq!(Username::new(text).unwrap().key(), "ada@example.com");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_kept_as_it_is(text in any::<String>()) {
            if let Ok(name) = CredentialName::new(text.clone()) {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}

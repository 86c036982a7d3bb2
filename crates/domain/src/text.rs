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
    fn the_bound_counts_characters_not_bytes() {
        assert!(CredentialName::new("é".repeat(128)).is_ok());
        assert_eq!(
            CredentialName::new("é".repeat(129)),
            Err(TextError::TooLong { maximum: 128 })
        );
    }

    #[test]
    fn nul_and_line_breaks_are_refused() {
        for text in ["a\0b", "a\nb", "a\u{85}b"] {
            assert_eq!(CredentialName::new(text), Err(TextError::ControlCharacter));
        }
    }

    #[test]
    fn usernames_compare_without_case() {
        let one = Username::new("Ada@Example.com").unwrap();
        let two = Username::new("ada@example.COM").unwrap();
        assert_eq!(one.key(), two.key());
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

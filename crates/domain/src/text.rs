//! Bounded strings: names that people give to things.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory as _};

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
    /// A character that shows nothing, separates lines or paragraphs, or turns the direction of what
    /// follows: two names that look the same would differ, and one would look like another.
    #[error("must not contain invisible, line-separating or direction-changing characters")]
    MisleadingCharacter,
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

/// What joins emoji to one, and letters of some scripts; it shows nothing itself.
const JOINER: char = '\u{200d}';

/// What says whether the emoji before it is shown as text or as a picture; it shows nothing itself.
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';

/// What encloses the digit before it, which is an emoji then.
const KEYCAP: char = '\u{20e3}';

/// Whether a character shows nothing itself, though it is neither white space nor a control character (UAX #44: `Cf`
/// and `Default_Ignorable_Code_Point`; the blank of braille shows nothing either).
pub(crate) fn shows_nothing(symbol: char) -> bool {
    symbol.general_category() == GeneralCategory::Format
        || matches!(
            symbol,
            '\u{34f}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{2065}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether a text has a character that shows nothing, or makes what is around it show otherwise (UAX #44: `Zl`, `Zp`).
pub fn misleads(text: &str) -> bool {
    text.chars().any(is_misleading)
}

fn is_misleading(symbol: char) -> bool {
    shows_nothing(symbol)
        || matches!(
            symbol.general_category(),
            GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
        )
}

fn is_emoji(symbol: char) -> bool {
    !symbol.is_ascii() && symbol.is_emoji_char()
}

/// What a name cannot have: whatever misleads, but what says how an emoji is shown, and what joins emoji to one.
fn misleads_as_a_name(text: &str) -> bool {
    let mut symbols = text.chars().peekable();
    let mut before = None;
    while let Some(symbol) = symbols.next() {
        let next = symbols.peek().copied();
        let is_behind = |is: fn(char) -> bool| before.is_some_and(is);
        let is_fit = match symbol {
            TEXT_STYLE | EMOJI_STYLE => {
                is_behind(is_emoji)
                    || (is_behind(UnicodeEmoji::is_emoji_char) && next == Some(KEYCAP))
            }
            JOINER => {
                is_behind(|one| is_emoji(one) || one == EMOJI_STYLE) && next.is_some_and(is_emoji)
            }
            _ => !is_misleading(symbol),
        };
        if !is_fit {
            return true;
        }
        before = Some(symbol);
    }
    false
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $maximum:literal, $misleads:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The most characters it can have.
            pub const MAXIMUM: usize = $maximum;

            /// Accepts a text that is not blank, not longer than [`Self::MAXIMUM`] and free of control
            /// characters and of what misleads; it is kept exactly as given.
            ///
            /// # Errors
            /// [`TextError`] says which of these rules is broken.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let accepted = Self::accepted_before(text)?;
                if $misleads(&accepted.0) {
                    return Err(TextError::MisleadingCharacter);
                }
                Ok(accepted)
            }

            /// Takes a text that was accepted once, by an earlier version perhaps, which did not refuse
            /// what misleads: what is kept must stay readable.
            ///
            /// # Errors
            /// [`TextError`] when no version accepted it.
            pub fn accepted_before(text: impl Into<String>) -> Result<Self, TextError> {
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
    128,
    misleads_as_a_name
);
bounded_text!(
    /// The name of an application; passkey prompts show it as the relying party's name.
    ApplicationName,
    128,
    misleads_as_a_name
);
bounded_text!(
    /// The name a person gives to a credential (`credentialName`).
    CredentialName,
    128,
    misleads_as_a_name
);
bounded_text!(
    /// What an organization calls a user in its own systems (`externalId`).
    ExternalId,
    128,
    misleads_as_a_name
);
bounded_text!(
    /// What a user signs in with, usually an e-mail address; unique in an organization without regard
    /// to case, and to whether letters are composed.
    Username,
    254,
    misleads
);

bounded_text!(
    /// What somebody is looked for by: part of a username or of an identifier, in the form in which usernames
    /// are compared.
    SearchText,
    254,
    misleads
);

impl Username {
    /// The form in which usernames are compared: lower case, composed (NFC), without surrounding white
    /// space, and without format characters, which an earlier version accepted. It is kept beside the name, so it
    /// stays what it is.
    pub fn key(&self) -> String {
        key(&self.0)
    }

    /// The domain that whoever is called so has mail at, as somebody registers one: `example.co.uk` for
    /// `ada@mail.example.co.uk`. For a name that is no address it says nothing.
    pub fn mail_domain(&self) -> String {
        let key = self.key();
        let host = key.rsplit_once('@').map_or(&*key, |(_local, host)| host);
        psl::domain_str(host).unwrap_or(host).to_owned()
    }
}

impl SearchText {
    /// The form in which it is looked for.
    pub fn key(&self) -> String {
        key(&self.0)
    }
}

impl FromStr for SearchText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::new(text)
    }
}

fn key(text: &str) -> String {
    let is_format = |symbol: &char| symbol.general_category() == GeneralCategory::Format;
    let shown = text.chars().filter(|symbol| !is_format(symbol));
    let composed: String = shown.nfc().collect();
    composed.trim().to_lowercase().nfc().collect()
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

/// So many of something, in words for people: `1 passkey`, `2 passkeys`. It is for things whose names take an s.
pub fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_of_something_is_not_several() {
        let counts = [0, 1, 2, 1_000_000].map(|count| counted(count, "passkey"));
        let expected = ["0 passkeys", "1 passkey", "2 passkeys", "1000000 passkeys"];
        assert_eq!(counts, expected);
    }

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
    fn mail_goes_to_a_domain_as_somebody_registers_one() {
        for (name, domain) in [
            ("ada@example.com", "example.com"),
            ("Ada@Mail.Example.CO.UK", "example.co.uk"),
            ("\"a@b\"@example.com", "example.com"),
            ("ada@localhost", "localhost"),
            ("ada@co.uk", "co.uk"),
            ("ada", "ada"),
        ] {
            assert_eq!(Username::new(name).unwrap().mail_domain(), domain);
        }
    }

    #[test]
    fn usernames_compare_without_case_and_white_space_around() {
        for text in ["Ada@Example.com", " ada@example.COM\u{2003}"] {
            assert_eq!(Username::new(text).unwrap().key(), "ada@example.com");
        }
    }

    #[test]
    fn usernames_compare_however_they_are_composed() {
        for text in [
            "j\u{fc}rgen@example.com",
            "ju\u{308}rgen@example.com",
            "JU\u{308}RGEN@example.com",
        ] {
            let key = Username::new(text).unwrap().key();
            assert_eq!(key, "j\u{fc}rgen@example.com");
        }
        let kept = Username::accepted_before("ada\u{200b}@example.com").unwrap();
        assert_eq!(kept.key(), "ada@example.com");
    }

    #[test]
    fn what_misleads_is_refused_in_every_text_and_what_was_kept_stays_readable() {
        let misleading = Err(TextError::MisleadingCharacter);
        for symbol in [
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{2065}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0e}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{fff0}',
            '\u{e0100}',
            '\u{e0fff}',
        ] {
            assert!(CredentialName::new(symbol).is_err(), "{symbol:?}");
            let text = format!("a{symbol}b");
            assert_eq!(OrganizationName::new(text.as_str()).map(drop), misleading);
            assert_eq!(ApplicationName::new(text.as_str()).map(drop), misleading);
            assert_eq!(CredentialName::new(text.as_str()).map(drop), misleading);
            assert_eq!(ExternalId::new(text.as_str()).map(drop), misleading);
            assert_eq!(Username::new(text.as_str()).map(drop), misleading);
            assert!(OrganizationName::accepted_before(text.as_str()).is_ok());
            let kept = Username::accepted_before(text.as_str()).unwrap();
            let is_format = symbol.general_category() == GeneralCategory::Format;
            assert_eq!(kept.key() == "ab", is_format, "{symbol:?}");
        }
        let control = TextError::ControlCharacter;
        assert_eq!(Username::accepted_before("a\0b"), Err(control));
    }

    #[test]
    fn joiners_of_emoji_stay_in_names_and_nowhere_else() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let heart_on_fire = "\u{2764}\u{fe0f}\u{200d}\u{1f525}";
        let technician = "\u{1f469}\u{1f3fd}\u{200d}\u{1f4bb}";
        let as_text = "\u{2764}\u{fe0e}";
        let keycap = "1\u{fe0f}\u{20e3}";
        for emoji in [family, heart_on_fire, technician, as_text, keycap] {
            assert!(CredentialName::new(format!("Laptop {emoji}")).is_ok());
            assert!(OrganizationName::new(format!("{emoji}!")).is_ok());
            assert!(Username::new(format!("ada{emoji}")).is_err());
        }
        for text in [
            "1\u{200d}2",
            "\u{1f468}\u{200d}",
            "\u{200d}\u{1f468}",
            "\u{1f468}\u{200d}a",
            "\u{1f468}\u{200d}\u{200d}\u{1f469}",
            "1\u{fe0f}",
            "a\u{fe0f}\u{20e3}",
            "\u{2764}\u{fe0f}\u{fe0f}",
            "\u{fe0f}\u{2764}",
            "\u{2764}\u{200d}\u{fe0f}\u{1f525}",
            "\u{2764}\u{fe01}",
        ] {
            assert!(CredentialName::new(text).is_err(), "{text:?}");
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

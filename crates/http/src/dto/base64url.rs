//! Bytes as base64url (RFC 4648 §5).

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use latchkey_domain::text::TextError;
use serde::{Deserialize, Deserializer, de::Error};

use super::text::FromText;

/// Bytes that came as base64url, padded or not. The standard alphabet and encodings with stray bits are
/// refused: one value has one text.
pub(crate) struct Base64Url(pub(crate) Vec<u8>);

impl FromText for Base64Url {
    fn from_text(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err(TextError::Empty.to_string());
        }
        let encoding = if text.ends_with('=') {
            BASE64URL
        } else {
            BASE64URL_NOPAD
        };
        encoding
            .decode(text.as_bytes())
            .map(Self)
            .map_err(|_malformed| "must be base64url".to_owned())
    }
}

impl<'de> Deserialize<'de> for Base64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(text).map_err(D::Error::custom)
    }
}

/// Bytes that may be left out, be `null`, or be an empty string, which clients send for "none".
#[derive(Default)]
pub(crate) struct MaybeBase64Url(pub(crate) Option<Vec<u8>>);

impl<'de> Deserialize<'de> for MaybeBase64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.filter(|text| !text.is_empty())
            .map(|text| Base64Url::from_text(text).map_err(D::Error::custom))
            .transpose()
            .map(|bytes| Self(bytes.map(|Base64Url(bytes)| bytes)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        Base64Url::from_text(text.to_owned())
            .ok()
            .map(|Base64Url(bytes)| bytes)
    }

    #[test]
    fn padded_and_unpadded_are_accepted() {
        assert_eq!(decoded("-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!(decoded("-_8=").unwrap(), [0xfb, 0xff]);
        assert_eq!(decoded("AQ==").unwrap(), [1]);
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "+/8=", "+/8", "AR==", "AR", "AQ=", "AQ===", "A", "A Q", "AQ\n", "é", "=",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn none_can_be_said_in_three_ways() {
        for text in ["null", "\"\""] {
            let MaybeBase64Url(bytes) = serde_json::from_str(text).unwrap();
            assert_eq!(bytes, None);
        }
        let MaybeBase64Url(bytes) = serde_json::from_str("\"AQ\"").unwrap();
        assert_eq!(bytes, Some(vec![1]));
        assert!(serde_json::from_str::<MaybeBase64Url>("\"+\"").is_err());
        assert!(serde_json::from_str::<Base64Url>("\"\"").is_err());
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..40)) {
            prop_assert_eq!(decoded(&BASE64URL_NOPAD.encode(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decoded(&BASE64URL.encode(&bytes)), Some(bytes));
        }

        #[test]
        fn one_value_has_one_unpadded_text(text in "[A-Za-z0-9_=+/-]{0,12}") {
            if let Some(bytes) = decoded(&text) {
                prop_assert_eq!(BASE64URL_NOPAD.encode(&bytes), text.trim_end_matches('='));
            }
        }
    }
}

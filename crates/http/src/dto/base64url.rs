//! Bytes as base64url (RFC 4648 §5).

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use latchkey_domain::{id::UserId, text::TextError};
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

/// A user handle. It may be left out, be `null`, or be an empty string, which clients send for "none"; and some
/// send the user's id as it is, which is base64url only by chance.
#[derive(Default)]
pub(crate) struct UserHandle(pub(crate) Option<Vec<u8>>);

impl UserHandle {
    fn from_text(text: String) -> Result<Vec<u8>, String> {
        let id = text.parse::<UserId>();
        match (Base64Url::from_text(text), id) {
            (Ok(Base64Url(bytes)), _) => Ok(bytes),
            (Err(_), Ok(id)) => Ok(id.as_str().as_bytes().to_vec()),
            (Err(problem), Err(_)) => Err(problem),
        }
    }
}

impl<'de> Deserialize<'de> for UserHandle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.filter(|text| !text.is_empty())
            .map(|text| Self::from_text(text).map_err(D::Error::custom))
            .transpose()
            .map(Self)
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
            let UserHandle(bytes) = serde_json::from_str(text).unwrap();
            assert_eq!(bytes, None);
        }
        let UserHandle(bytes) = serde_json::from_str("\"AQ\"").unwrap();
        assert_eq!(bytes, Some(vec![1]));
        assert!(serde_json::from_str::<UserHandle>("\"+\"").is_err());
        assert!(serde_json::from_str::<Base64Url>("\"\"").is_err());
    }

    #[test]
    fn the_id_of_a_user_may_stand_as_it_is() {
        // The first is no base64url for the bits that its last symbol leaves over, the second for its length.
        for id in [
            "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
            "us-6b58p-r53sr-rlrd3l5cj3uc4o",
        ] {
            let UserHandle(bytes) = serde_json::from_str(&format!("\"{id}\"")).unwrap();
            assert_eq!(bytes.unwrap(), id.as_bytes());
        }
        for other in [
            "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
            "us-6b58p-r53sr-rlrd3l5cj3uc4ome!",
            "us-6b58p-r53sr-rlrd3l5cj3uc4ome ",
        ] {
            let text = format!("\"{other}\"");
            assert!(
                serde_json::from_str::<UserHandle>(&text).is_err(),
                "{other}"
            );
        }
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

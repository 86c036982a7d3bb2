//! JSON as this service accepts it: no duplicate members, bounded depth, and a canonical form.

use std::fmt::{self, Write as _};

use latchkey_domain::user_action::PayloadDigest;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// The deepest nesting of arrays and objects that is accepted.
pub const MAXIMUM_DEPTH: usize = 64;

/// Why a text is not acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON (RFC 8259) in UTF-8.
    #[error("is not valid JSON")]
    Malformed,
    /// An object has two members of one name: readers disagree about which one counts.
    #[error("has two members of the name {0:?}")]
    Duplicate(String),
    /// It is nested more than [`MAXIMUM_DEPTH`] levels deep.
    #[error("is nested more than 64 levels deep")]
    TooDeep,
}

/// The canonical form: members sorted by name, no white space, strings escaped in one way, numbers as
/// they were written. Two texts have the same canonical form when they mean the same, number tokens
/// taken literally.
///
/// # Errors
/// [`JsonError`] when the text is not acceptable.
pub fn canonical(text: &[u8]) -> Result<String, JsonError> {
    let raw: &RawValue = serde_json::from_slice(text).map_err(|_malformed| JsonError::Malformed)?;
    let mut out = String::with_capacity(text.len());
    write_canonical(raw.get(), MAXIMUM_DEPTH, &mut out)?;
    Ok(out)
}

/// The digest of a payload by its canonical form. An empty payload and an empty object are equal:
/// published clients sign one and send the other (API contract §6.3).
///
/// # Errors
/// [`JsonError`] when the payload is neither empty nor acceptable JSON.
pub fn payload_digest(payload: &[u8]) -> Result<PayloadDigest, JsonError> {
    let canonical = if payload.trim_ascii().is_empty() || payload.trim_ascii() == b"\"\"" {
        "{}".to_owned()
    } else {
        canonical(payload)?
    };
    Ok(PayloadDigest::new(Sha256::digest(canonical).into()))
}

fn write_canonical(text: &str, depth: usize, out: &mut String) -> Result<(), JsonError> {
    match text.as_bytes().first() {
        Some(b'{') => {
            let depth = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
            let mut members = read(text, |reader| reader.deserialize_map(Members))?;
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            if let Some((name, _)) = repeated(&members) {
                return Err(JsonError::Duplicate(name.clone()));
            }
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_canonical(value.get(), depth, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let depth = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
            let elements = read(text, |reader| reader.deserialize_seq(Elements))?;
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(element.get(), depth, out)?;
            }
            out.push(']');
        }
        Some(b'"') => {
            let string: String =
                serde_json::from_str(text).map_err(|_malformed| JsonError::Malformed)?;
            write_string(&string, out);
        }
        // Numbers, true, false and null are kept as they were written.
        Some(_) => out.push_str(text),
        None => return Err(JsonError::Malformed),
    }
    Ok(())
}

fn repeated<T>(sorted: &[(String, T)]) -> Option<&(String, T)> {
    sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .find(|(one, next)| one.0 == next.0)
        .map(|(one, _)| one)
}

fn write_string(string: &str, out: &mut String) {
    // A string always serialises; Display of a JSON value is its compact form.
    let _ = write!(out, "{}", serde_json::Value::from(string));
}

fn read<'a, T>(
    text: &'a str,
    visit: impl FnOnce(
        &mut serde_json::Deserializer<serde_json::de::StrRead<'a>>,
    ) -> serde_json::Result<T>,
) -> Result<T, JsonError> {
    visit(&mut serde_json::Deserializer::from_str(text)).map_err(|_malformed| JsonError::Malformed)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical_text(text: &str) -> String {
        canonical(text.as_bytes()).unwrap()
    }

    #[test]
    fn order_space_and_escapes_do_not_matter() {
        assert_eq!(
            canonical_text(" {\"b\" : [1, {\"d\":null,\"c\":true}], \"a\": \"\\u00e9\\/\"} "),
            "{\"a\":\"é/\",\"b\":[1,{\"c\":true,\"d\":null}]}"
        );
    }

    #[test]
    fn numbers_are_kept_as_written() {
        let text = "[1.0,1,1e0,123456789012345678901234567890,-0]";
        assert_eq!(canonical_text(text), text);
    }

    #[test]
    fn duplicates_are_refused_at_any_depth_and_however_they_are_escaped() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#] {
            assert_eq!(
                canonical(text.as_bytes()),
                Err(JsonError::Duplicate("a".to_owned()))
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(nested(64).as_bytes()).is_ok());
        assert_eq!(canonical(nested(65).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(
            canonical(nested(100_000).as_bytes()),
            Err(JsonError::TooDeep)
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "{}x",
            "\"\\ud800\"",
            "{\"a\":\"\\udc00\"}",
            "01",
            "NaN",
            "'a'",
        ] {
            assert_eq!(
                canonical(text.as_bytes()),
                Err(JsonError::Malformed),
                "{text}"
            );
        }
        assert_eq!(canonical(b"\"\xff\""), Err(JsonError::Malformed));
    }

    #[test]
    fn empty_payloads_are_equal() {
        let empty = payload_digest(b"").unwrap();
        for text in ["{}", " { } ", "\n", "\"\""] {
            assert_eq!(payload_digest(text.as_bytes()), Ok(empty), "{text}");
        }
        assert_ne!(payload_digest(b"{\"a\":1}"), Ok(empty));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = canonical(&bytes);
        }

        #[test]
        fn the_canonical_form_is_its_own(text in r#"[\[\]{}",:a-c0-9\\u ]{0,40}"#) {
            if let Ok(once) = canonical(text.as_bytes()) {
                prop_assert_eq!(canonical(once.as_bytes()), Ok(once.clone()));
            }
        }
    }
}

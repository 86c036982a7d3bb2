//! JSON as this service accepts it: no duplicate members, bounded depth, and a canonical form.

use std::fmt::Write as _;

use latchkey_domain::user_action::PayloadDigest;
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
    let mut reader = Reader { rest: raw.get() };
    let mut out = String::with_capacity(text.len());
    reader.value(MAXIMUM_DEPTH, &mut out)?;
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

/// Walks once over a text that is known to be JSON, so it only has to find where each part ends.
/// (Reading it through the library's types would lose how numbers were written, or scan the text once
/// for every level of nesting.)
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize, out: &mut String) -> Result<(), JsonError> {
        self.skip_white_space();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(depth.checked_sub(1).ok_or(JsonError::TooDeep)?, out),
            Some(b'[') => self.array(depth.checked_sub(1).ok_or(JsonError::TooDeep)?, out),
            Some(b'"') => {
                write_string(&self.string()?, out);
                Ok(())
            }
            Some(_) => {
                let is_end = |byte: u8| matches!(byte, b',' | b']' | b'}') || is_white_space(byte);
                let length = self
                    .rest
                    .bytes()
                    .position(is_end)
                    .unwrap_or(self.rest.len());
                out.push_str(self.take(length)?);
                Ok(())
            }
            None => Err(JsonError::Malformed),
        }
    }

    fn object(&mut self, depth: usize, out: &mut String) -> Result<(), JsonError> {
        let mut members = Vec::new();
        while self.goes_on(b'}')? {
            let name = self.string()?;
            self.skip_white_space();
            self.take(":".len())?;
            let mut value = String::new();
            self.value(depth, &mut value)?;
            members.push((name, value));
        }
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        for ((one, _), (next, _)) in members.iter().zip(members.iter().skip(1)) {
            if one == next {
                return Err(JsonError::Duplicate(one.clone()));
            }
        }
        out.push('{');
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_string(name, out);
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        Ok(())
    }

    fn array(&mut self, depth: usize, out: &mut String) -> Result<(), JsonError> {
        let mut is_first = true;
        out.push('[');
        while self.goes_on(b']')? {
            if !is_first {
                out.push(',');
            }
            is_first = false;
            self.value(depth, out)?;
        }
        out.push(']');
        Ok(())
    }

    /// Steps over the opening bracket or the comma before the next element and tells whether there is
    /// one; otherwise steps over the closing bracket.
    fn goes_on(&mut self, closing: u8) -> Result<bool, JsonError> {
        self.skip_white_space();
        if self.rest.as_bytes().first() != Some(&closing) {
            self.take(1)?;
            self.skip_white_space();
        }
        let is_closed = self.rest.as_bytes().first() == Some(&closing);
        if is_closed {
            self.take(1)?;
        }
        Ok(!is_closed)
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let mut is_escaped = false;
        let is_last = |(index, byte): (usize, u8)| {
            let ends = index > 0 && byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends.then_some(index + 1)
        };
        let length = self
            .rest
            .bytes()
            .enumerate()
            .find_map(is_last)
            .ok_or(JsonError::Malformed)?;
        serde_json::from_str(self.take(length)?).map_err(|_lone_surrogate| JsonError::Malformed)
    }

    fn skip_white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, length: usize) -> Result<&'a str, JsonError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(JsonError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

const fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn write_string(string: &str, out: &mut String) {
    // A string always serialises; Display of a JSON value is its compact form.
    let _ = write!(out, "{}", serde_json::Value::from(string));
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
    fn a_large_and_deep_text_is_read_in_one_pass() {
        let text = format!(
            "{}{}{}",
            "[".repeat(63),
            vec!["[]"; 80_000].join(","),
            "]".repeat(63)
        );
        assert_eq!(canonical_text(&text), text);
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
        fn what_the_library_reads_means_the_same(text in r#"[\[\]{}",:a-c0-9\\ue.-]{0,40}"#) {
            if let Ok(once) = canonical(text.as_bytes()) {
                let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                prop_assert_eq!(read(&once), read(&text));
            }
        }

        #[test]
        fn the_canonical_form_is_its_own(text in r#"[\[\]{}",:a-c0-9\\u ]{0,40}"#) {
            if let Ok(once) = canonical(text.as_bytes()) {
                prop_assert_eq!(canonical(once.as_bytes()), Ok(once.clone()));
            }
        }
    }
}

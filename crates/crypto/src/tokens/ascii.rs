//! JSON in plain ASCII: published clients decode a token's payload with a base64 decoder that gives
//! one character per byte (API contract §2.3).

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter, value::RawValue};

/// Compact JSON in which every character beyond ASCII is escaped.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        for character in fragment.chars() {
            if character.is_ascii() {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a value so that it goes into a token as it is.
pub(super) fn to_raw_json(value: &impl Serialize) -> Result<Box<RawValue>, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))?;
    String::from_utf8(bytes)
        .map_err(serde::ser::Error::custom)
        .and_then(RawValue::from_string)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_beyond_ascii_are_escaped() {
        let json = to_raw_json(&"é😀\n\"\u{7f}").unwrap();
        assert_eq!(json.get(), "\"\\u00e9\\ud83d\\ude00\\n\\\"\u{7f}\"");
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_from_ascii(text in any::<String>()) {
            let json = to_raw_json(&text).unwrap();
            prop_assert!(json.get().is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(json.get()).unwrap(), text);
        }
    }
}

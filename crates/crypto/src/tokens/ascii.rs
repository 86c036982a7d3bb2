//! JSON in plain ASCII: published clients decode a token's payload with a base64 decoder that gives
//! one character per byte (API contract §2.3).

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// Compact JSON in which every character beyond ASCII is escaped.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
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

/// Writes a value as it goes into a token.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_beyond_ascii_are_escaped() {
        let json = to_json(&"é😀\n\"\u{7f}").unwrap();
        assert_eq!(json, b"\"\\u00e9\\ud83d\\ude00\\n\\\"\x7f\"");
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_from_ascii(text in any::<String>()) {
            let json = to_json(&text).unwrap();
            prop_assert!(json.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }
    }
}

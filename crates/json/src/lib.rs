#![doc = include_str!("../README.md")]

mod reader;

mod shape;

use std::collections::BTreeMap;

use serde::Deserialize;

/// The deepest nesting of arrays and objects that is accepted.
pub const MAXIMUM_DEPTH: usize = 64;

/// Why a text is not acceptable JSON; continues the sentence that the name of the text begins.
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
    /// It is acceptable, but not an object.
    #[error("must be a JSON object")]
    NotAnObject,
}

/// Why a value does not have a shape, in the words of `serde`.
pub type ShapeError = serde::de::value::Error;

/// A value that was read. There is no `Debug`: it holds what clients send, which does not belong in a log.
/// A reference to it is a deserializer, which gives it a shape.
#[derive(Clone)]
pub struct Value(Node);

#[derive(Clone)]
enum Node {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    Array(Vec<Value>),
    /// In the order of the text; no two have one name.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads one value and nothing else.
    ///
    /// # Errors
    /// [`JsonError`] when the text is not acceptable.
    pub fn read(text: &[u8]) -> Result<Self, JsonError> {
        let text = str::from_utf8(text).map_err(|_malformed| JsonError::Malformed)?;
        reader::read(text)
    }

    /// Reads one object and nothing else.
    ///
    /// # Errors
    /// [`JsonError`] when the text is not acceptable or is not an object.
    pub fn read_object(text: &[u8]) -> Result<Self, JsonError> {
        let value = Self::read(text)?;
        match value.0 {
            Node::Object(_) => Ok(value),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Array(_) => {
                Err(JsonError::NotAnObject)
            }
        }
    }

    /// The canonical form: members sorted by name, no white space, strings escaped in one way, numbers as
    /// they were written.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// The member of that name; `None` also when this is not an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.0 {
            Node::Object(members) => members
                .iter()
                .find_map(|(member, value)| (member == name).then_some(value)),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Array(_) => None,
        }
    }

    /// The member of that name in a shape; `None` when it is missing or null.
    ///
    /// # Errors
    /// [`ShapeError`] when the member has another shape.
    pub fn member<'de, T: Deserialize<'de>>(
        &'de self,
        name: &str,
    ) -> Result<Option<T>, ShapeError> {
        self.get(name).map_or(Ok(None), Option::deserialize)
    }

    fn write(&self, out: &mut String) {
        match &self.0 {
            Node::Null => out.push_str("null"),
            Node::Bool(true) => out.push_str("true"),
            Node::Bool(false) => out.push_str("false"),
            Node::Number(token) => out.push_str(token),
            Node::Text(text) => write_text(text, out),
            Node::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Node::Object(members) => {
                let sorted: BTreeMap<_, _> =
                    members.iter().map(|(name, value)| (name, value)).collect();
                out.push('{');
                for (index, (name, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    // A string always serialises.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: impl AsRef<[u8]>) -> Result<String, JsonError> {
        Value::read(text.as_ref()).map(|value| value.canonical())
    }

    #[test]
    fn order_space_and_escapes_do_not_matter() {
        let text = " {\"b\" : [1, {\"d\":null,\"c\":true}], \"a\": \"\\u00e9\\/\"} ";
        let expected = "{\"a\":\"é/\",\"b\":[1,{\"c\":true,\"d\":null}]}";
        assert_eq!(canonical(text).unwrap(), expected);
    }

    #[test]
    fn numbers_are_kept_as_written() {
        let text = "[1.0,1,1e0,123456789012345678901234567890,-0,1E999,false]";
        assert_eq!(canonical(text).unwrap(), text);
    }

    #[test]
    fn an_object_is_told_from_everything_else() {
        assert!(Value::read_object(b" {} ").is_ok());
        for text in ["[]", "null", "\"{}\"", "0", "true"] {
            let refused = Value::read_object(text.as_bytes()).err();
            assert_eq!(refused, Some(JsonError::NotAnObject), "{text}");
        }
    }

    #[test]
    fn members_are_found_by_name() {
        let value = Value::read(br#"{"a":"x","b":null,"c":[true]}"#).unwrap();
        assert_eq!(value.member("a"), Ok(Some("x")));
        assert!(value.member::<bool>("a").is_err());
        assert_eq!(value.member::<String>("b"), Ok(None));
        assert_eq!(value.member::<String>("d"), Ok(None));
        assert!(value.get("b").is_some());
        let item = value.get("c").unwrap();
        assert!(item.get("c").is_none());
        assert_eq!(item.canonical(), "[true]");
    }

    proptest! {
        #[test]
        fn what_is_written_means_what_was_read(text in r#"[\[\]{}",:a-c0-9\\u .-]{0,40}"#) {
            if let Ok(once) = canonical(&text) {
                let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                prop_assert_eq!(read(&once), read(&text));
                prop_assert_eq!(canonical(&once), Ok(once));
            }
        }
    }
}

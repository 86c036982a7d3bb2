//! From values to shapes.

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::{Node, ShapeError, Value};

impl<'de> Deserializer<'de> for &'de Value {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Number(token) => token
                .parse::<serde_json::Number>()
                .map_err(|_too_large| ShapeError::custom("number out of range"))?
                .deserialize_any(visitor)
                .map_err(ShapeError::custom),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::Array(items) => {
                let mut items = SeqDeserializer::new(items.iter());
                let shaped = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(shaped)
            }
            Node::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_str(), value));
                let mut members = MapDeserializer::new(members);
                let shaped = visitor.visit_map(&mut members)?;
                members.end()?;
                Ok(shaped)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0 {
            Node::Null => visitor.visit_none(),
            Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Array(_) | Node::Object(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        visitor.visit_newtype_struct(self)
    }

    /// Whatever it is, numbers that no machine can hold included.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'de> IntoDeserializer<'de> for &'de Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, de::IgnoredAny};

    use super::*;

    /// What comes of the text when it is given this shape, or why nothing does.
    fn shaped<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
        let value = Value::read(text.as_bytes()).unwrap();
        T::deserialize(&value).map_err(|error| error.to_string())
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(expecting = "an object")]
    struct Shape {
        name: Option<String>,
        inner: Newtype,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Newtype(bool);

    #[test]
    fn shapes_are_filled_and_what_they_do_not_know_is_ignored() {
        let text = r#"{"more":[1e999,{"a":null}],"inner":true,"name":null}"#;
        let inner = Newtype(true);
        assert_eq!(shaped(text), Ok(Shape { name: None, inner }));
        let map: BTreeMap<String, Vec<u8>> = shaped(r#"{"a":[1,2],"b":[]}"#).unwrap();
        assert_eq!(map["a"], [1, 2]);
        assert!(shaped::<IgnoredAny>("[1e999]").is_ok());
    }

    #[test]
    fn the_library_reads_the_same_from_numbers() {
        for token in [
            "0",
            "-0",
            "-7",
            "18446744073709551615",
            "1.5",
            "1e3",
            "1e400",
        ] {
            let here: Option<serde_json::Value> = shaped(token).ok();
            assert_eq!(here, serde_json::from_str(token).ok(), "{token}");
        }
    }

    #[test]
    fn refusals_say_what_was_expected() {
        for (text, message) in [
            (
                r#"{"inner":7}"#,
                "invalid type: integer `7`, expected a boolean",
            ),
            (r#"{"inner":1e999}"#, "number out of range"),
            (r#"{"name":"x"}"#, "missing field `inner`"),
            ("7", "invalid type: integer `7`, expected an object"),
            ("[]", "invalid length 0, expected an object"),
        ] {
            assert_eq!(shaped::<Shape>(text).unwrap_err(), message, "{text}");
        }
        assert!(shaped::<Shape>("[null,true,1]").is_err());
    }
}

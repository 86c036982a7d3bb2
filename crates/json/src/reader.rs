//! From text to values, in one pass.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{JsonError, MAXIMUM_DEPTH, Node, Value};

pub(crate) fn read(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { rest: text };
    let value = reader.value(MAXIMUM_DEPTH)?;
    reader.skip_white_space();
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(JsonError::Malformed)
    }
}

/// Walks once over a text. Only the structure is read here, because the library bounds no depth, drops
/// repeated members and does not keep numbers as they were written; strings, numbers and words it reads.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Reads a value; `depth` is how many levels may still be opened.
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        let node = if self.steps_over('{') {
            self.object(depth.checked_sub(1).ok_or(JsonError::TooDeep)?)?
        } else if self.steps_over('[') {
            self.array(depth.checked_sub(1).ok_or(JsonError::TooDeep)?)?
        } else if self.rest.starts_with('"') {
            Node::Text(self.scalar()?)
        } else {
            match self.scalar::<&RawValue>()?.get() {
                "null" => Node::Null,
                "true" => Node::Bool(true),
                "false" => Node::Bool(false),
                number => Node::Number(number.to_owned()),
            }
        };
        Ok(Value(node))
    }

    fn object(&mut self, depth: usize) -> Result<Node, JsonError> {
        let mut members: Vec<(String, Value)> = Vec::new();
        self.until('}', |reader| {
            let name = reader.scalar()?;
            reader.require(':')?;
            members.push((name, reader.value(depth)?));
            Ok(())
        })?;
        let mut names = BTreeSet::new();
        for (name, _) in &members {
            if !names.insert(name) {
                return Err(JsonError::Duplicate(name.clone()));
            }
        }
        Ok(Node::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Node, JsonError> {
        let mut items = Vec::new();
        self.until(']', |reader| {
            items.push(reader.value(depth)?);
            Ok(())
        })?;
        Ok(Node::Array(items))
    }

    /// Reads elements with commas between them, and the closing bracket.
    fn until(
        &mut self,
        closing: char,
        mut element: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if self.steps_over(closing) {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.steps_over(closing) {
                return Ok(());
            }
            self.require(',')?;
        }
    }

    /// Reads what has no parts.
    fn scalar<T: Deserialize<'a>>(&mut self) -> Result<T, JsonError> {
        let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter();
        let scalar = stream.next().and_then(Result::ok);
        let rest = self.rest.get(stream.byte_offset()..);
        self.rest = rest.ok_or(JsonError::Malformed)?;
        scalar.ok_or(JsonError::Malformed)
    }

    fn require(&mut self, mark: char) -> Result<(), JsonError> {
        if self.steps_over(mark) {
            Ok(())
        } else {
            Err(JsonError::Malformed)
        }
    }

    /// Tells whether this comes next, after white space, and then steps over it.
    fn steps_over(&mut self, mark: char) -> bool {
        self.skip_white_space();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &[u8]) -> Option<JsonError> {
        Value::read(text).err()
    }

    #[test]
    fn duplicates_are_refused_at_any_depth_and_however_they_are_escaped() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{},"b":2,"a":{}}"#,
            r#"[{"x":{"a":1,"\u0061":2}}]"#,
        ] {
            let expected = JsonError::Duplicate("a".to_owned());
            assert_eq!(refusal(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        for (opening, closing) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth: usize| {
                format!("{}0{}", opening.repeat(depth), closing.repeat(depth)).into_bytes()
            };
            assert_eq!(refusal(&nested(64)), None);
            assert_eq!(refusal(&nested(65)), Some(JsonError::TooDeep));
            assert_eq!(refusal(&nested(100_000)), Some(JsonError::TooDeep));
        }
    }

    #[test]
    fn a_large_and_deep_text_is_read_in_one_pass() {
        let items = vec!["[]"; 80_000].join(",");
        let text = format!("{}{items}{}", "[".repeat(63), "]".repeat(63));
        assert_eq!(Value::read(text.as_bytes()).unwrap().canonical(), text);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "[1",
            "{}x",
            "{} {}",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1:2]",
            "[1}",
            "{\"a\"}",
            "{\"a\" 1}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1;\"b\":2}",
            "{a:1}",
            "{1:2}",
            "{'a':1}",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "{\"a\":\"\\udc00\"}",
            "01",
            "-",
            "1.",
            ".5",
            "+1",
            "1e",
            "NaN",
            "nul",
            "nullx",
            "True",
            "'a'",
            "\u{feff}{}",
            "\u{a0}1",
            "1\u{c}",
        ] {
            assert_eq!(
                refusal(text.as_bytes()),
                Some(JsonError::Malformed),
                "{text:?}"
            );
        }
        assert_eq!(refusal(b"\"\xff\""), Some(JsonError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::read(&bytes);
        }

        /// But for repeated members, depth, and numbers that no machine can hold.
        #[test]
        fn what_the_library_reads_is_read_and_nothing_else(text in r#"[\[\]{}",:a0-1\\ue \n.-]{0,12}"#) {
            match refusal(text.as_bytes()) {
                None => prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok()),
                Some(JsonError::Malformed) => {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
                }
                Some(_) => {}
            }
        }
    }
}

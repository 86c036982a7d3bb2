//! What is sent and answered, for people who watch: on standard output, with long texts shortened.

use std::io::{self, Write};

use serde_json::Value;

use crate::Outcome;

/// The most characters of a text that are shown.
const READABLE: usize = 60;

/// Says something.
pub fn say(words: &str) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "{words}")?;
    Ok(output.flush()?)
}

/// JSON over several lines.
pub(crate) fn indented(value: &Value) -> String {
    let text = format!("{:#}", abridged(value));
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn abridged(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shortened(text)),
        Value::Array(items) => items.iter().map(abridged).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), abridged(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

pub(crate) fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= READABLE {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(READABLE / 2).collect();
    format!("{beginning}… ({length} characters)")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_are_shortened_and_short_ones_kept() {
        let long = "a".repeat(100);
        let shown = abridged(&json!({ "short": "abc", "list": [long, 1] }));
        assert_eq!(shown["short"], "abc");
        assert_eq!(shown["list"][1], 1);
        let shortened = shown["list"][0].as_str().unwrap();
        assert!(shortened.ends_with("(100 characters)"), "{shortened}");
    }
}

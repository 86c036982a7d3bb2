//! Examples in the description that share members.

use serde_json::Value;

/// The example with these members besides, or instead.
pub(crate) fn with(mut example: Value, members: Value) -> Value {
    if let (Value::Object(example), Value::Object(members)) = (&mut example, members) {
        example.extend(members);
    }
    example
}

//! CBOR that authenticators make (RFC 8949): the one place where it is read.
//!
//! What could be understood in two ways is refused: a map that has a key twice, however deep it lies. How
//! something is written is the authenticator's business: keys in any order, lengths in any form.

use std::collections::BTreeSet;

use ciborium::Value;

/// Takes the value that `rest` begins with.
pub(super) fn take(rest: &mut &[u8]) -> Option<Value> {
    let value: Value = ciborium::from_reader(rest).ok()?;
    is_unambiguous(&value).then_some(value)
}

fn is_unambiguous(value: &Value) -> bool {
    match value {
        Value::Map(members) => {
            let mut keys = BTreeSet::new();
            members.iter().all(|(key, value)| {
                encoded(key).is_some_and(|key| keys.insert(key)) && is_unambiguous(value)
            })
        }
        Value::Array(items) => items.iter().all(is_unambiguous),
        Value::Tag(_, value) => is_unambiguous(value),
        Value::Integer(_)
        | Value::Bytes(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bool(_)
        | Value::Null => true,
        // What this version of the library does not know, it does not give.
        _ => false,
    }
}

/// What tells a key from others, however it was written. A key that has parts has none: it could be written
/// in several orders, and no standard about authenticators has such keys.
fn encoded(key: &Value) -> Option<Vec<u8>> {
    if key.is_map() || key.is_array() || key.is_tag() {
        return None;
    }
    let mut bytes = Vec::new();
    ciborium::into_writer(key, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_taken(bytes: &[u8]) -> bool {
        take(&mut &bytes[..]).is_some()
    }

    #[test]
    fn what_follows_is_left() {
        let mut rest = &[0xa1, 0x01, 0x02, 0x03][..];
        assert!(take(&mut rest).is_some_and(|value| value.is_map()));
        assert_eq!(rest, [0x03]);
    }

    #[test]
    fn a_map_with_many_keys_is_read() {
        let members = |last: u64| -> Vec<u8> {
            let keys = (0..50_000).chain([last]);
            let members = keys.map(|key| (Value::from(key), Value::Null)).collect();
            let mut bytes = vec![];
            ciborium::into_writer(&Value::Map(members), &mut bytes).unwrap();
            bytes
        };
        assert!(is_taken(&members(50_000)));
        assert!(!is_taken(&members(0)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = is_taken(&bytes);
        }

        /// Two keys of one kind are one key, or two.
        #[test]
        fn keys_that_are_the_same_are_found(first: i32, second: i32) {
            let members = [first, second].map(|key| (Value::from(key), Value::Null));
            let mut bytes = vec![];
            ciborium::into_writer(&Value::Map(members.to_vec()), &mut bytes).unwrap();
            prop_assert_eq!(is_taken(&bytes), first != second);
        }
    }
}

//! The API description is true: its examples are of its schemas, and look like what is really answered.
//!
//! That every answer in these tests is documented is required wherever one passes, in
//! [`Answer`](crate::support::answer::Answer).

use std::{fs, path::Path};

use serde_json::{Map, Value};

use crate::support::description::Description;

#[test]
fn every_body_has_an_example_that_is_of_its_schema() {
    let examples = Description::served().examples();
    assert!(examples.len() > 30, "{}", examples.len());
    for example in examples {
        example.check();
    }
}

#[test]
fn every_example_of_an_answer_looks_like_a_real_one() {
    let real = real_answers();
    for example in Description::served().examples() {
        if example.name.ends_with("answer") {
            assert!(
                real.iter().any(|answer| look_alike(answer, example.value)),
                "{}: no snapshot looks like {}",
                example.name,
                example.value
            );
        }
    }
}

/// The bodies of the successes among the snapshots.
fn real_answers() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/router/snapshots");
    let snapshots = fs::read_dir(folder).unwrap().map(|entry| {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        // What is above the second line of dashes is about the snapshot.
        let body = text.splitn(3, "---\n").last().unwrap();
        serde_json::from_str::<Value>(body).unwrap()
    });
    snapshots
        .filter(|answer| answer["status"] == 200)
        .map(|answer| answer["body"].clone())
        .collect()
}

/// Whether an example has the members of a real value, of the same types; of a list, every element must
/// look like a real one.
fn look_alike(real: &Value, example: &Value) -> bool {
    match (real, example) {
        (Value::Object(real), Value::Object(example)) => {
            real.len() == example.len()
                && real.iter().all(|(name, value)| has(example, name, value))
        }
        (Value::Array(real), Value::Array(example)) => example
            .iter()
            .all(|element| real.iter().any(|one| look_alike(one, element))),
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => true,
        _ => false,
    }
}

fn has(example: &Map<String, Value>, name: &str, real: &Value) -> bool {
    example
        .get(name)
        .is_some_and(|value| look_alike(real, value))
}

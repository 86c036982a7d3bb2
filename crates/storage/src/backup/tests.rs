//! Lines, one by one; whole backups are in the tests of both databases.

use serde_json::json;

use super::*;

fn columns() -> Vec<Column> {
    let columns = [
        ("id", Kind::Text),
        ("digest", Kind::Bytes),
        ("created", Kind::Integer),
        ("is_active", Kind::Boolean),
    ];
    let columns = columns.map(|(name, kind)| Column {
        name: name.to_owned(),
        kind,
    });
    columns.into()
}

#[test]
fn a_line_is_read_as_it_was_written() {
    for cells in [
        vec![
            Cell::Text(Some("\u{fc} \"\n".to_owned())),
            Cell::Bytes(Some(vec![0, 255])),
            Cell::Integer(Some(i64::MIN)),
            Cell::Boolean(Some(true)),
        ],
        vec![
            Cell::Text(None),
            Cell::Bytes(None),
            Cell::Integer(None),
            Cell::Boolean(None),
        ],
    ] {
        let line = line_of(&cells).unwrap();
        assert!(!line.contains(&b'\n'));
        assert_eq!(Cell::parse_all(&line, &columns()), Some(cells));
    }
}

#[test]
fn a_line_that_does_not_fit_the_columns_is_none() {
    for line in [
        json!(["a", "AP8=", 1]),
        json!(["a", "AP8=", 1, true, 1]),
        json!([1, "AP8=", 1, true]),
        json!(["a", "?", 1, true]),
        json!(["a", "AP8=", 1.5, true]),
        json!(["a", "AP8=", 1, 1]),
        json!({}),
    ] {
        let text = line.to_string();
        assert_eq!(Cell::parse_all(text.as_bytes(), &columns()), None, "{text}");
    }
}

#[test]
fn rows_have_a_sum_whatever_their_order_and_each_counts() {
    let sum_of = |lines: &[&str]| {
        let mut sum = Sum::default();
        for line in lines {
            sum.add(line.as_bytes());
        }
        sum
    };
    assert_eq!(sum_of(&["a", "b", "c"]), sum_of(&["c", "a", "b"]));
    for others in [
        &["a", "b"][..],
        &["a", "b", "d"],
        &["a", "b", "b"],
        &["a", "c", "c"],
    ] {
        assert_ne!(sum_of(&["a", "b", "c"]), sum_of(others), "{others:?}");
    }
}

#[test]
fn rows_are_inserted_together() {
    assert_eq!(
        insertion("spent", &columns()[..2], 2),
        "INSERT INTO \"spent\" (\"id\", \"digest\") VALUES ($1, $2), ($3, $4)"
    );
}

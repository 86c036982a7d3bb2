//! Statements that are written once.

use std::sync::OnceLock;

use sea_orm::{DbBackend, QueryTrait, Statement, Value, Values};

/// A statement whose text never changes. It is written for each database when it is first asked for, with marks in
/// the places of its values; afterwards only the values are put there. To build the tree of a read and to write its
/// text takes a process longer than all else that it does for it.
pub(crate) struct Fixed {
    sqlite: OnceLock<Text>,
    postgres: OnceLock<Text>,
}

struct Text {
    sql: String,
    /// What is bound to it: the values that are always the same, and marks in the places of the others.
    bound: Vec<Value>,
    /// Which of these places are for which of the values that vary.
    places: Vec<(usize, usize)>,
}

/// What marks the place of the value with that number; no tree has it of its own.
fn mark(number: usize) -> Value {
    Value::Bytes(Some(
        format!("the value {number} of a fixed statement").into(),
    ))
}

impl Fixed {
    /// One that has not been asked for.
    pub(crate) const fn new() -> Self {
        Self {
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }

    /// The statement with these values. The tree is told where they belong, and must be the same whatever they are.
    pub(crate) fn with<const N: usize, Q: QueryTrait>(
        &self,
        backend: DbBackend,
        values: &[Value; N],
        tree: impl FnOnce([Value; N]) -> Q,
    ) -> Statement {
        let text = if backend == DbBackend::Postgres {
            &self.postgres
        } else {
            &self.sqlite
        };
        let text = text.get_or_init(|| Text::of(tree(std::array::from_fn(mark)).build(backend), N));
        let mut bound = text.bound.clone();
        for (place, number) in &text.places {
            if let (Some(place), Some(value)) = (bound.get_mut(*place), values.get(*number)) {
                place.clone_from(value);
            }
        }
        Statement::from_sql_and_values(backend, text.sql.as_str(), bound)
    }
}

impl Text {
    /// The text of a statement with so many marks.
    fn of(statement: Statement, marks: usize) -> Self {
        let Statement { sql, values, .. } = statement;
        let bound = values.map_or_else(Vec::new, |Values(bound)| bound);
        let numbered: Vec<_> = (0..marks).map(mark).collect();
        let places = bound.iter().enumerate().filter_map(|(place, value)| {
            let number = numbered.iter().position(|mark| mark == value)?;
            Some((place, number))
        });
        let places: Vec<_> = places.collect();
        let has_a_place = |number| places.iter().any(|(_, of)| *of == number);
        debug_assert!((0..marks).all(has_a_place), "a value has no place: {sql}");
        Self { sql, bound, places }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

    use super::*;
    use crate::table::spent::{Column, Entity};

    fn tree([id, expires]: [Value; 2]) -> sea_orm::Select<Entity> {
        // The first value has a place after the second, and another one.
        Entity::find()
            .filter(Column::Expires.gt(expires))
            .filter(Column::Id.eq(id.clone()))
            .filter(Column::Id.ne("always the same"))
            .filter(Column::Id.lte(id))
            .limit(1)
    }

    #[test]
    fn a_fixed_statement_is_the_one_that_its_tree_says() {
        let fixed = Fixed::new();
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            for values in [
                [Value::from("a"), Value::from(1_i64)],
                [Value::from("b"), Value::from(2_i64)],
            ] {
                let told = fixed.with(backend, &values, tree);
                assert_eq!(told, tree(values).build(backend));
            }
        }
    }
}

//! Statements that are written once.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock},
};

use latchkey_service::ports::store::StoreError;
use sea_orm::{DbBackend, Statement, StatementBuilder, Value, Values};

use super::{
    Way,
    step::{Shape, Step, mark, missing},
};

/// A statement whose text never changes. It is written for each database when it is first asked for, with marks in
/// the places of its values; afterwards only the values are put there. To build the tree of a read and to write its
/// text takes a process longer than all else that it does for it.
pub(crate) struct Fixed {
    sqlite: OnceLock<Text>,
    postgres: OnceLock<Text>,
}

struct Text {
    sql: String,
    /// What is bound to it.
    places: Vec<Place>,
    /// How many values it holds.
    marks: usize,
}

enum Place {
    /// Is always the same.
    Always(Value),
    /// Is for the value with that number.
    Of(usize),
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
    pub(crate) fn with<const N: usize, T: StatementBuilder>(
        &self,
        backend: DbBackend,
        values: &[Value; N],
        tree: impl FnOnce([Value; N]) -> T,
    ) -> Statement {
        let text = if backend == DbBackend::Postgres {
            &self.postgres
        } else {
            &self.sqlite
        };
        let text = text.get_or_init(|| {
            let text = Text::of(backend.build(&tree(std::array::from_fn(mark))), N);
            debug_assert!(text.is_whole(), "a value has no place: {}", text.sql);
            text
        });
        text.holding(backend, values)
    }
}

impl Text {
    /// The text of a statement with so many marks.
    fn of(statement: Statement, marks: usize) -> Self {
        let Statement { sql, values, .. } = statement;
        let bound = values.map_or_else(Vec::new, |Values(bound)| bound);
        let numbered: Vec<_> = (0..marks).map(mark).collect();
        let place = |value| match numbered.iter().position(|mark| *mark == value) {
            Some(number) => Place::Of(number),
            None => Place::Always(value),
        };
        let places = bound.into_iter().map(place).collect();
        Self { sql, places, marks }
    }

    /// Whether each value has a place, and each place a value.
    fn is_whole(&self) -> bool {
        let is_of = |number| move |place: &Place| matches!(place, Place::Of(of) if *of == number);
        let has_a_place = |number| self.places.iter().any(is_of(number));
        let missing = missing();
        let is_missing = |place: &Place| matches!(place, Place::Always(value) if *value == missing);
        (0..self.marks).all(has_a_place) && !self.places.iter().any(is_missing)
    }

    /// The statement with these values.
    fn holding(&self, backend: DbBackend, values: &[Value]) -> Statement {
        let places = self.places.iter();
        let bound = places.filter_map(|place| match place {
            Place::Always(value) => Some(value.clone()),
            Place::Of(number) => values.get(*number).cloned(),
        });
        Statement::from_sql_and_values(backend, self.sql.as_str(), bound)
    }
}

/// On what the text of a statement of fixed steps depends.
#[derive(PartialEq, Eq, Hash)]
struct Shapes {
    is_postgres: bool,
    way: Way,
    /// Of each step, and whether it must meet a row.
    steps: Vec<(Shape, bool)>,
}

/// The texts of those that have been asked for. There are few: steps have few forms, and stand beside few others.
static TEXTS: LazyLock<RwLock<HashMap<Shapes, Arc<Text>>>> = LazyLock::new(RwLock::default);

/// Steps as a statement, whose text is written once where each of them is fixed.
pub(super) fn of_steps(
    backend: DbBackend,
    way: Way,
    steps: Vec<Step>,
) -> Result<Statement, StoreError> {
    let Some(known) = steps.iter().map(Step::shape).collect() else {
        return way.write(backend, steps);
    };
    let is_postgres = backend == DbBackend::Postgres;
    let shapes = Shapes {
        is_postgres,
        way,
        steps: known,
    };
    let texts = TEXTS.read().unwrap_or_else(PoisonError::into_inner);
    let known = texts.get(&shapes).map(Arc::clone);
    drop(texts);
    let text = if let Some(text) = known {
        text
    } else {
        let mut marks = 0;
        let mut next = || {
            marks += 1;
            mark(marks - 1)
        };
        let marked = steps.iter().cloned().map(|step| step.marked(&mut next));
        let text = Text::of(way.write(backend, marked.collect())?, marks);
        if !text.is_whole() {
            return Err(StoreError::new("a step takes other values than it brings"));
        }
        let text = Arc::new(text);
        let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
        texts.insert(shapes, Arc::clone(&text));
        text
    };
    let anew = cfg!(debug_assertions).then(|| steps.clone());
    let values: Vec<_> = steps.into_iter().flat_map(Step::into_values).collect();
    if values.len() != text.marks {
        return Err(StoreError::new(
            "a step brings more values than its form says, or fewer",
        ));
    }
    let statement = text.holding(backend, &values);
    if let Some(anew) = anew {
        debug_assert_eq!(
            statement,
            way.write(backend, anew)?,
            "its text is not fixed"
        );
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use sea_orm::{
        ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
        QueryTrait as _, sea_query,
    };

    use super::*;
    use crate::{
        statement::{Form, Inputs, Insertion, row_of},
        table::spent::{ActiveModel, Column, Entity},
    };

    fn tree([id, expires]: [Value; 2]) -> sea_query::SelectStatement {
        // The first value has a place after the second, and another one.
        Entity::find()
            .filter(Column::Expires.gt(expires))
            .filter(Column::Id.eq(id.clone()))
            .filter(Column::Id.ne("always the same"))
            .filter(Column::Id.lte(id))
            .limit(1)
            .into_query()
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
                assert_eq!(told, backend.build(&tree(values)));
            }
        }
    }

    /// A row of the ledger, and the end of others.
    fn steps(id: &str, expires: i64) -> [Step; 2] {
        let row = ActiveModel {
            id: Set(id.to_owned()),
            expires: Set(expires),
        };
        let (form, values) = row_of(&row);
        let made = Step::fixed(form, values, |form, values| {
            Insertion::of_row::<Entity>(form, values).into()
        });
        let values = vec![id.into(), expires.into()];
        let ended = Step::fixed([1, 0, 0, 0], values, |[others, ..], values| {
            let (id, expires) = (values.take(), values.take());
            let mut ended = Entity::delete_many().filter(Column::Expires.lt(expires));
            for _ in 0..others {
                ended = ended.filter(Column::Id.ne(id.clone()));
            }
            ended.into()
        });
        [made, ended]
    }

    #[test]
    fn fixed_steps_are_the_statement_that_their_trees_say() {
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            for (id, expires) in [("a", 1), ("b", 2)] {
                let [made, ended] = steps(id, expires);
                let optional = vec![made.clone(), ended.clone().optional()];
                for (way, steps) in [
                    (Way::Alone, vec![made.clone()]),
                    (Way::Alone, vec![ended.clone()]),
                    (Way::Counted, optional.clone()),
                    (Way::AtOnce, optional),
                    (Way::AtOnce, vec![made, ended]),
                ] {
                    let told = of_steps(backend, way, steps.clone()).unwrap();
                    assert_eq!(told, way.write(backend, steps).unwrap());
                }
            }
        }
    }

    /// Where nothing was done before it, or nothing is taken back for it, a key that is taken is no failure.
    #[test]
    fn only_what_is_taken_back_fails_where_a_key_is_taken() {
        let row = ActiveModel {
            id: Set("a".to_owned()),
            expires: Set(1),
        };
        let made = Step::row_unless_taken(&row);
        let steps = vec![made.clone(), made.clone(), made.optional()];
        for (way, expected) in [
            (Way::Counted, [true, true, true]),
            (Way::AtOnce, [true, false, true]),
        ] {
            let told = of_steps(DbBackend::Postgres, way, steps.clone()).unwrap();
            let insertions = told.sql.split("INSERT INTO").skip(1);
            let look: Vec<_> = insertions
                .map(|text| text.contains("ON CONFLICT"))
                .collect();
            assert_eq!(look, expected);
        }
    }

    #[test]
    fn what_is_told_beside_a_step_that_is_not_fixed_is_told_all_the_same() {
        let tree = || Entity::delete_many().filter(Column::Id.eq("another"));
        for id in ["a", "b"] {
            let [made, _] = steps(id, 1);
            let both = vec![made, tree().into()];
            let told = of_steps(DbBackend::Postgres, Way::AtOnce, both.clone()).unwrap();
            assert_eq!(told, Way::AtOnce.write(DbBackend::Postgres, both).unwrap());
        }
    }

    #[test]
    #[should_panic(expected = "its text is not fixed")]
    fn a_tree_that_depends_on_its_values_is_noticed() {
        for id in ["a", "b"] {
            let step = Step::fixed([0; 4], vec![id.into()], |_form, values| {
                let id = values.take();
                let column = if id == Value::from("b") {
                    Column::Expires
                } else {
                    Column::Id
                };
                Entity::delete_many().filter(column.eq(id)).into()
            });
            of_steps(DbBackend::Sqlite, Way::Alone, vec![step]).unwrap();
        }
    }

    #[test]
    fn a_step_that_takes_other_values_than_it_brings_is_told_to_nobody() {
        let tree = |[taken, ..]: Form, inputs: &mut Inputs| {
            let mut ended = Entity::delete_many();
            for _ in 0..taken {
                ended = ended.filter(Column::Id.ne(inputs.take()));
            }
            ended.into()
        };
        let told = |taken, brought| {
            let values = vec![Value::from("a"); brought];
            let step = Step::fixed([taken, 0, 0, 0], values, tree);
            of_steps(DbBackend::Sqlite, Way::Alone, vec![step])
        };
        assert!(told(2, 1).is_err());
        assert!(told(1, 2).is_err());
        assert!(told(2, 2).is_ok());
        // Nor when the text has been written.
        assert!(told(2, 1).is_err());
        assert!(told(2, 3).is_err());
    }
}

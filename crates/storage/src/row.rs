//! What rows and domain values have in common, and the error of a row that is none.

use std::fmt::Display;

use latchkey_domain::time::Timestamp;
use latchkey_service::ports::store::StoreError;

/// A row that no part of this program writes: somebody changed the database by hand, or there is a
/// defect. It never becomes a value by guessing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent row {row} of table {table}: {problem}")]
pub(crate) struct Inconsistency {
    /// The table.
    pub(crate) table: &'static str,
    /// The row's key.
    pub(crate) row: String,
    /// What is wrong, without the data itself.
    pub(crate) problem: String,
}

impl From<Inconsistency> for StoreError {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::new(inconsistency)
    }
}

/// Names a row while its columns become values.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The table.
    pub(crate) table: &'static str,
    /// The row's key.
    pub(crate) key: &'a str,
}

impl Row<'_> {
    /// The value of a column, or that the column has none.
    pub(crate) fn value<T, E: Display>(
        self,
        column: &'static str,
        parsed: Result<T, E>,
    ) -> Result<T, Inconsistency> {
        parsed.map_err(|error| self.inconsistent(&format!("{column} {error}")))
    }

    /// The value of a column that may be empty.
    pub(crate) fn optional<T, U, E: Display>(
        self,
        column: &'static str,
        stored: Option<T>,
        parse: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Option<U>, Inconsistency> {
        self.value(column, stored.map(parse).transpose())
    }

    /// What is wrong with the row.
    pub(crate) fn inconsistent(self, problem: &str) -> Inconsistency {
        Inconsistency {
            table: self.table,
            row: self.key.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

/// A moment as it is stored.
pub(crate) const fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_unix_milliseconds(milliseconds)
}

//! Write transactions: the one place where they begin.

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::row::Inconsistency;

/// Begins a write transaction. On SQLite it takes the write lock at once: a transaction that reads
/// first and asks for the lock later fails whenever another one wrote in between.
///
/// # Errors
/// [`StoreError`] when the database fails.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where write transactions begin"
)]
pub(crate) async fn begin_write(
    writer: &DatabaseConnection,
) -> Result<DatabaseTransaction, StoreError> {
    writer
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await
        .map_err(StoreError::new)
}

/// Commits when the operation gave `Ok`, else rolls back.
///
/// # Errors
/// [`StoreError`] when the commit fails; a failed rollback is logged, and closing the connection rolls
/// back as well.
pub(crate) async fn end<T, E>(
    transaction: DatabaseTransaction,
    outcome: Result<T, E>,
) -> Result<Result<T, E>, StoreError> {
    if outcome.is_ok() {
        transaction.commit().await.map_err(StoreError::new)?;
    } else if let Err(error) = transaction.rollback().await {
        tracing::warn!(%error, "a transaction could not be rolled back");
    }
    Ok(outcome)
}

/// Whether a guarded change met its one row: `false` when the row was not in the expected state.
///
/// # Errors
/// [`Inconsistency`] when it met several, which no statement that names a key can.
pub(crate) fn exactly_one(table: &'static str, rows_affected: u64) -> Result<bool, Inconsistency> {
    match rows_affected {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Inconsistency {
            table,
            row: "several".to_owned(),
            problem: "one key has several rows".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_a_change_and_none_is_not() {
        assert_eq!(exactly_one("users", 1).ok(), Some(true));
        assert_eq!(exactly_one("users", 0).ok(), Some(false));
        assert!(exactly_one("users", 2).is_err());
    }
}

//! Write transactions: the one place where they begin.

use std::sync::Arc;

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

/// A write transaction, in the hands of the operation that runs in it.
pub(crate) type Transaction = Arc<DatabaseTransaction>;

/// Begins a write transaction. On SQLite it takes the write lock at once: a transaction that reads
/// first and asks for the lock later fails whenever another one wrote in between.
///
/// # Errors
/// [`StoreError`] when the database fails.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where write transactions begin"
)]
pub(crate) async fn begin_write(writer: &DatabaseConnection) -> Result<Transaction, StoreError> {
    writer
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await
        .map(Arc::new)
        .map_err(StoreError::new)
}

/// Commits when the operation gave `Ok`, else rolls back.
///
/// # Errors
/// What the operation gave, or [`StoreError`] when the commit fails, or when the operation is over and
/// still holds the transaction; a failed rollback is logged, and closing the connection rolls back as
/// well.
pub(crate) async fn end<T, E: From<StoreError>>(
    transaction: Transaction,
    outcome: Result<T, E>,
) -> Result<T, E> {
    let Some(transaction) = Arc::into_inner(transaction) else {
        return Err(StoreError::new("a transaction outlives its operation").into());
    };
    if outcome.is_ok() {
        transaction.commit().await.map_err(StoreError::new)?;
    } else if let Err(error) = transaction.rollback().await {
        tracing::warn!(%error, "a transaction could not be rolled back");
    }
    outcome
}

//! Write transactions: the one place where they begin.

use std::{error::Error, sync::Arc};

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::{failure::Passing, trust::Trust};

/// A write transaction, in the hands of the operation that runs in it.
pub(crate) type Transaction = Arc<DatabaseTransaction>;

/// Begins a write transaction. On SQLite it takes the write lock at once: a transaction that reads
/// first and asks for the lock later fails whenever another one wrote in between.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where write transactions begin"
)]
async fn begin(writer: &DatabaseConnection) -> Result<Transaction, StoreError> {
    writer
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await
        .map(Arc::new)
        .map_err(StoreError::new)
}

/// Runs an operation in a transaction of its own, which is still to be committed; rolls back when the
/// operation gives `Err`. A connection that cannot is not trusted any more: SQLite ends a transaction by
/// itself when the disk is full, and then the pool's account of it is wrong.
///
/// # Errors
/// What the operation gave, or [`StoreError`] when the transaction cannot begin, or when the operation is
/// over and still holds it.
pub(crate) async fn run<T, E, F>(
    writer: DatabaseConnection,
    trust: Trust,
    operation: impl FnOnce(Transaction) -> F,
) -> Result<(DatabaseTransaction, T), E>
where
    E: Error + From<StoreError> + 'static,
    F: Future<Output = Result<T, E>>,
{
    let transaction = begin(&writer).await?;
    let outcome = operation(Arc::clone(&transaction)).await;
    let Some(transaction) = Arc::into_inner(transaction) else {
        return Err(StoreError::new("a transaction outlives its operation").into());
    };
    match outcome {
        Ok(value) => Ok((transaction, value)),
        Err(error) => {
            // Who is dropped rolls back as well, later; a connection that is gone has done so.
            let is_gone = matches!(Passing::of(&error), Some((Passing::Connection, _)));
            if !is_gone && let Err(error) = transaction.rollback().await {
                trust.lose();
                tracing::warn!(%error, "a transaction could not be rolled back");
            }
            Err(error)
        }
    }
}

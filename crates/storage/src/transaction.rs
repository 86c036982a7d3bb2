//! Write transactions: the one place where they begin.

use std::{error::Error, sync::Arc};

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait as _,
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
pub(crate) async fn begin(writer: &DatabaseConnection) -> Result<Transaction, StoreError> {
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
/// operation gives `Err`.
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
    let transaction = sole(transaction)?;
    match outcome {
        Ok(value) => Ok((transaction, value)),
        Err(error) => {
            // Who is dropped rolls back as well, later; a connection that is gone has done so.
            let is_gone = matches!(Passing::of(&error), Some((Passing::Connection, _)));
            if !is_gone {
                roll_back(transaction, &trust).await;
            }
            Err(error)
        }
    }
}

/// The transaction, when the operation that ran in it is over.
///
/// # Errors
/// [`StoreError`] when the operation still holds it.
pub(crate) fn sole(transaction: Transaction) -> Result<DatabaseTransaction, StoreError> {
    Arc::into_inner(transaction)
        .ok_or_else(|| StoreError::new("a transaction outlives its operation"))
}

/// Takes all back. A connection that cannot is not trusted any more: SQLite ends a transaction by itself when
/// the disk is full, and then the pool's account of it is wrong.
pub(crate) async fn roll_back(transaction: DatabaseTransaction, trust: &Trust) {
    if let Err(error) = transaction.rollback().await {
        trust.lose();
        tracing::warn!(%error, "a transaction could not be rolled back");
    }
}

/// The savepoint of an operation among others of one transaction. There is one at a time: what was before the
/// latest cannot be taken back any more but with all the rest.
#[derive(Debug, Default)]
pub(crate) struct Savepoint {
    is_set: bool,
}

impl Savepoint {
    /// Sets it here. This is one call, since each is a way to the thread of the connection and back.
    ///
    /// # Errors
    /// [`StoreError`] when the transaction has ended, or the database fails.
    pub(crate) async fn set(
        &mut self,
        transaction: &DatabaseTransaction,
    ) -> Result<(), StoreError> {
        let sql = if self.is_set {
            "RELEASE operation; SAVEPOINT operation"
        } else {
            "SAVEPOINT operation"
        };
        self.is_set = true;
        execute(transaction, sql).await
    }

    /// Takes back all that was done since it was set.
    ///
    /// # Errors
    /// [`StoreError`] when the transaction has ended, or the database fails.
    pub(crate) async fn go_back(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<(), StoreError> {
        execute(transaction, "ROLLBACK TO operation").await
    }
}

async fn execute(transaction: &DatabaseTransaction, sql: &str) -> Result<(), StoreError> {
    let done = transaction.execute_unprepared(sql).await;
    // Its transaction is gone, whatever it says: nothing is wrong with what it was asked.
    done.map(|_done| ()).map_err(StoreError::unavailable)
}

//! The store: one reader, one writer, and how many statements they ran.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use latchkey_service::ports::store::StoreError;
use sea_orm::DatabaseConnection;
use tracing::Instrument as _;

use crate::transaction::{Transaction, begin_write, end};

/// Implements every store port. Cheap to clone; all clones share their connections.
#[derive(Clone, Debug)]
pub struct SqlStore {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    write_transactions: AtomicU64,
    write_statements: AtomicU64,
}

/// How many statements a store ran since it was opened. The difference of two moments tells what a
/// call costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// Reads; each is one statement outside any transaction.
    pub reads: u64,
    /// Transactions that may write.
    pub write_transactions: u64,
    /// Statements inside them, and those of migrations.
    pub write_statements: u64,
}

impl SqlStore {
    pub(crate) fn new(mut reader: DatabaseConnection, mut writer: DatabaseConnection) -> Self {
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        reader.set_metric_callback(move |_statement| {
            shared.reads.fetch_add(1, Ordering::Relaxed);
        });
        let shared = Arc::clone(&counters);
        writer.set_metric_callback(move |_statement| {
            shared.write_statements.fetch_add(1, Ordering::Relaxed);
        });
        Self {
            reader,
            writer,
            counters,
        }
    }

    /// The connection that writes, for migrations.
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// How many statements ran so far.
    pub fn statements(&self) -> Statements {
        Statements {
            reads: self.counters.reads.load(Ordering::Relaxed),
            write_transactions: self.counters.write_transactions.load(Ordering::Relaxed),
            write_statements: self.counters.write_statements.load(Ordering::Relaxed),
        }
    }

    /// Waits for what is under way and closes all connections.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await.map_err(StoreError::new)?;
        self.writer.close().await.map_err(StoreError::new)
    }

    /// The connection that reads.
    pub(crate) const fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Runs an operation in a write transaction: commits what it changed when it gives `Ok`, takes it
    /// back when it gives `Err`. The transaction runs in its own task, because a caller who goes away
    /// during a commit would leave it with an outcome that nobody knows.
    ///
    /// # Errors
    /// What the operation gave, or [`StoreError`] when the transaction cannot begin or end.
    pub(crate) async fn write<T, E, F>(
        &self,
        operation: impl FnOnce(Transaction) -> F + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.counters
            .write_transactions
            .fetch_add(1, Ordering::Relaxed);
        let writer = self.writer.clone();
        let task = async move {
            let transaction = begin_write(&writer).await?;
            let outcome = operation(Arc::clone(&transaction)).await;
            end(transaction, outcome).await
        };
        tokio::spawn(task.in_current_span())
            .await
            .map_err(StoreError::new)?
    }
}

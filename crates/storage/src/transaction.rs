//! Write transactions: the one place where they begin.

use std::{error::Error, sync::Arc};

use latchkey_service::ports::store::StoreError;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr};

use crate::{
    connection::{Connections, Lent},
    failure::Passing,
};

/// A write transaction, in the hands of the operation that runs in it.
pub(crate) type Transaction = Arc<DatabaseTransaction>;

/// A write transaction that has begun. When it is dropped, as by a call that is late, it is rolled back before its
/// connection is used again, or ends with that.
#[derive(Debug)]
pub(crate) struct Open(Lent);

/// Begins a write transaction. On SQLite it takes the write lock at once: a transaction that reads
/// first and asks for the lock later fails whenever another one wrote in between.
///
/// # Errors
/// [`StoreError`] when there is no connection, or the database fails.
pub(crate) async fn begin(writer: &Connections) -> Result<Open, StoreError> {
    let lent = writer.lend().await?;
    let is_sqlite = lent.connection().get_database_backend() == DbBackend::Sqlite;
    let begin = if is_sqlite {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN"
    };
    match lent.execute(begin).await {
        Ok(()) => Ok(Open(lent)),
        Err(error) => {
            lent.give_back_after(Some(&error));
            Err(StoreError::new(error))
        }
    }
}

/// Runs an operation in a transaction of its own, which is still to be committed; rolls back when the
/// operation gives `Err`.
///
/// # Errors
/// What the operation gave, or [`StoreError`] when the transaction cannot begin, or when the operation is
/// over and still holds it.
pub(crate) async fn run<T, E, F>(
    writer: Connections,
    operation: impl FnOnce(Transaction) -> F,
) -> Result<(Open, T), E>
where
    E: Error + From<StoreError> + 'static,
    F: Future<Output = Result<T, E>>,
{
    let open = begin(&writer).await?;
    match operation(open.share()).await {
        Ok(value) => Ok((open.sole()?, value)),
        Err(error) => {
            let open = open.sole()?;
            // Who is dropped rolls back as well, later; a connection that is gone has done so.
            if !Passing::is_broken(&error) {
                open.roll_back().await;
            }
            Err(error)
        }
    }
}

impl Open {
    /// A share of it, for an operation.
    pub(crate) fn share(&self) -> Transaction {
        Arc::clone(self.0.connection())
    }

    /// Itself, when the operation that ran in it is over.
    ///
    /// # Errors
    /// [`StoreError`] when the operation still holds it.
    pub(crate) fn sole(self) -> Result<Self, StoreError> {
        if self.0.is_let_go() {
            Ok(self)
        } else {
            self.0.trust().lose();
            Err(StoreError::new("a transaction outlives its operation"))
        }
    }

    /// Makes all of it last. A connection that cannot is not trusted any more.
    ///
    /// # Errors
    /// [`StoreError`]; then nobody knows whether it does.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match execute(self.0.connection(), "COMMIT").await {
            Ok(()) => {
                self.0.give_back();
                Ok(())
            }
            Err(error) => {
                self.0.trust().lose();
                Err(StoreError::new(error))
            }
        }
    }

    /// Takes all back. A connection that cannot is not trusted any more: SQLite ends a transaction by itself
    /// when the disk is full, and nobody knows what state it is in.
    pub(crate) async fn roll_back(self) {
        match execute(self.0.connection(), "ROLLBACK").await {
            Ok(()) => self.0.give_back(),
            Err(error) => {
                self.0.trust().lose();
                tracing::warn!(%error, "a transaction could not be rolled back");
            }
        }
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
    pub(crate) async fn set(&mut self, open: &Open) -> Result<(), StoreError> {
        let sql = if self.is_set {
            "RELEASE operation; SAVEPOINT operation"
        } else {
            "SAVEPOINT operation"
        };
        self.is_set = true;
        // Its transaction is gone, whatever it says: nothing is wrong with what it was asked.
        let set = execute(open.0.connection(), sql).await;
        set.map_err(StoreError::unavailable)
    }

    /// Takes back all that was done since it was set.
    ///
    /// # Errors
    /// [`StoreError`] when the transaction has ended, or the database fails.
    pub(crate) async fn go_back(&self, open: &Open) -> Result<(), StoreError> {
        let gone_back = execute(open.0.connection(), "ROLLBACK TO operation").await;
        gone_back.map_err(StoreError::unavailable)
    }
}

async fn execute(connection: &DatabaseTransaction, sql: &str) -> Result<(), DbErr> {
    connection.execute_unprepared(sql).await.map(|_done| ())
}

//! The lock that lets several processes migrate one database at once.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// Takes the advisory lock of migrations on PostgreSQL: an arbitrary number, the letters `latchkey`.
/// Another process may need longer for its migration than a request would wait for a lock, and a step may
/// need longer than any statement of a request.
const TAKE_ADVISORY_LOCK: &str = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                                  SELECT pg_advisory_xact_lock(7809651199139603833)";

/// Begins a transaction that no two processes are in at the same time. The lock ends with it.
#[expect(
    clippy::disallowed_methods,
    reason = "migrations run before there is a store, so they begin their own transaction"
)]
pub(crate) async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let transaction = connection
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(TAKE_ADVISORY_LOCK).await?;
    }
    Ok(transaction)
}

/// Rolls back and gives the error that made it necessary; a failing rollback would only hide it, and
/// closing the connection rolls back as well.
pub(crate) async fn give_up(transaction: DatabaseTransaction, error: DbErr) -> DbErr {
    let _rolled_back = transaction.rollback().await;
    error
}

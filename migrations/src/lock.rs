//! The lock that lets several processes migrate one database at once.

use sea_orm_migration::{
    MigratorTrait as _,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
        SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx,
    },
};

use crate::Migrator;

/// Takes the advisory lock of migrations on PostgreSQL: an arbitrary number, the letters `latchkey`.
/// Another process may need longer for its migration than a request would wait for a lock, and a step may
/// need longer than any statement of a request.
const TAKE_ADVISORY_LOCK: &str = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                                  SELECT pg_advisory_xact_lock(7809651199139603833)";

/// How long a step waits for a table that others use. Whoever asks for that table after it waits behind it.
const SHORT_PATIENCE: &str = "SET LOCAL lock_timeout = '1s'";

/// How long the others are left alone before the next attempt.
const PAUSE: &str = "SELECT pg_sleep(0.2)";

/// How often a step is tried: for two minutes, if it waits in vain each time.
const ATTEMPTS: usize = 100;

/// Takes the next step, if that one still is to be taken, beside others who are at work: whenever they are in the way
/// it gives way, and tries again.
pub(crate) async fn step_beside_others(
    connection: &DatabaseConnection,
    step: &str,
) -> Result<(), DbErr> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        let transaction = begin(connection).await?;
        let error = match take(&transaction, step).await {
            Ok(()) => match transaction.commit().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => give_up(transaction, error).await,
        };
        if attempts == 0 || !is_in_the_way(&error) {
            return Err(error);
        }
        tracing::info!(
            step,
            "others are at work on the tables of this step; trying again"
        );
        connection.execute_unprepared(PAUSE).await?;
    }
}

async fn take(transaction: &DatabaseTransaction, step: &str) -> Result<(), DbErr> {
    transaction.execute_unprepared(SHORT_PATIENCE).await?;
    let pending = Migrator::get_pending_migrations(transaction).await?;
    if pending.first().is_some_and(|next| next.name() == step) {
        Migrator::up(transaction, Some(1)).await?;
    }
    Ok(())
}

/// Whether others were waited for in vain, or waited for us.
fn is_in_the_way(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    let said = cause.as_database_error();
    let code = said.and_then(sqlx::error::DatabaseError::code);
    // lock_not_available and deadlock_detected (PostgreSQL's manual, appendix A).
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}

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

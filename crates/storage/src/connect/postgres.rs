//! Connecting to PostgreSQL, and what is asked of a server first.

use std::time::Duration;

use sea_orm::sqlx::{
    self, AssertSqlSafe,
    error::DatabaseError,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use tokio::time::timeout;

use super::{ConnectError, ConnectOptions};
use crate::{connection::Connections, store::SqlStore};

/// How long a server may take to come up and to answer the first questions.
const STARTING: Duration = Duration::from_secs(10);

/// Connects to a server that this crate can work with.
pub(super) async fn connect(
    server: PgConnectOptions,
    options: &ConnectOptions,
) -> Result<SqlStore, ConnectError> {
    let server = server.application_name("latchkey");
    let target = target(&server);
    let first = settled(options)
        .max_connections(options.max_connections.clamp(1, 2))
        .acquire_timeout(STARTING)
        .connect_lazy_with(server.clone());
    let asked = timeout(STARTING, encoding(&first)).await;
    let asked = asked.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    judge(asked, &target)?;
    first.close().await;

    let terms = options.terms();
    // One of them is for migrations, and for one that is being ended.
    let most = options.max_connections.saturating_sub(1).max(1);
    let pool = terms
        .trust
        .guard(settled(options))
        .max_connections(most + 1)
        .acquire_timeout(options.patience())
        .test_before_acquire(false)
        .connect_lazy_with(server);
    let connections = Connections::new(pool.into(), most, terms);
    Ok(SqlStore::new(
        connections.clone(),
        connections,
        options.deadline,
    ))
}

/// Host, port and name.
pub(super) fn target(server: &PgConnectOptions) -> String {
    format!(
        "{}:{}/{}",
        server.get_host(),
        server.get_port(),
        server.get_database().unwrap_or_default()
    )
}

/// A pool that begins every session with [`session`].
fn settled(options: &ConnectOptions) -> PgPoolOptions {
    let session = session(options);
    PgPoolOptions::new().after_connect(move |connection, _state| {
        let session = AssertSqlSafe(session.clone());
        Box::pin(async move {
            sqlx::raw_sql(session).execute(connection).await?;
            Ok(())
        })
    })
}

/// What every connection sets, whatever the server's own defaults are. The locks of this crate are made for
/// READ COMMITTED. What was answered must survive a crash of the server, so commits are never asynchronous.
/// And nobody waits for ever: neither for a lock or a statement, nor for a replica that froze while it held
/// a lock, or is gone without a word. That a connection which is ended was in no transaction is no news.
///
/// A connection keeps the plans it has made, and one made while a table was empty would read all of that table
/// when it has grown: each statement of a request finds its rows by an index, so no other way is weighed. Where
/// there is none its costs are said to be enormous, which is no reason to compile it.
fn session(options: &ConnectOptions) -> String {
    let patience = options.patience().as_millis();
    format!(
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off';
        SET lock_timeout = '{patience}ms';
        SET statement_timeout = '{patience}ms';
        SET client_min_messages = 'error';
        SET enable_seqscan = off;
        SET jit = off;
        SET idle_in_transaction_session_timeout = '30s';
        SET tcp_keepalives_idle = 60;
        SET tcp_keepalives_interval = 10"
    )
}

/// The encoding of the database. It is asked for on two connections in turn, where there may be two: a pooler
/// that gives both the same session, but does not keep what they prepared apart, shows itself.
async fn encoding(pool: &PgPool) -> Result<String, sqlx::Error> {
    let mut connections = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        connections.push(pool.acquire().await?);
    }
    let mut encoding = String::new();
    for _ in 0..2 {
        for connection in &mut connections {
            encoding = sqlx::query_scalar("SHOW server_encoding")
                .fetch_one(&mut **connection)
                .await?;
        }
    }
    Ok(encoding)
}

/// Whether a server can be worked with, by what it answered to the question for its encoding.
fn judge(asked: Result<String, sqlx::Error>, target: &str) -> Result<(), ConnectError> {
    let target = target.to_owned();
    match asked {
        Ok(encoding) if encoding == "UTF8" => Ok(()),
        Ok(encoding) => Err(ConnectError::Encoding { target, encoding }),
        Err(source) if is_of_another_session(&source) => {
            Err(ConnectError::Pooler { target, source })
        }
        Err(source) => Err(ConnectError::Open {
            target,
            source: source.into(),
        }),
    }
}

/// A prepared statement that is there already, or not there any more.
fn is_of_another_session(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "42P05" | "26000"))
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::database::TestDatabase;
    use std::str::FromStr as _;

    use super::*;

    /// As when PgBouncer gives a session to a second client that does not know what the first prepared.
    #[tokio::test]
    async fn a_pooler_that_mixes_prepared_statements_up_is_refused() {
        let database = TestDatabase::empty_postgres().unwrap();
        let server = PgConnectOptions::from_str(database.url()).unwrap();
        for (statement, is_refused) in [
            ("PREPARE sqlx_s_1 AS SELECT 1", true),
            ("PREPARE another AS SELECT 1", false),
        ] {
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .after_connect(move |connection, _state| {
                    Box::pin(async move {
                        sqlx::raw_sql(statement).execute(connection).await?;
                        Ok(())
                    })
                })
                .connect_lazy_with(server.clone());
            let judged = judge(encoding(&pool).await, "here");
            let refused = matches!(judged, Err(ConnectError::Pooler { .. }));
            assert_eq!((refused, judged.is_ok()), (is_refused, !is_refused));
        }
    }
}

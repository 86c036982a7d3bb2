//! Connecting to PostgreSQL, and what is asked of a server first.

use std::{borrow::Cow, io, time::Duration};

use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Connection as _,
    error::DatabaseError,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

use super::{ConnectError, ConnectOptions};
use crate::{connection::Connections, failure::reason, store::SqlStore};

/// How long a server may take to come up and to answer the first questions.
const STARTING: Duration = Duration::from_secs(10);

/// The pause before a server that is starting is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Connects to a server that this crate can work with.
pub(super) async fn connect(
    server: PgConnectOptions,
    options: &ConnectOptions,
) -> Result<SqlStore, ConnectError> {
    let server = server.application_name("latchkey");
    let target = target(&server);
    // A pool would ask a port that refuses again and again, and then say no more than that it took too long.
    let met = timeout(STARTING, meet(&server)).await;
    met.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|source| refused(&target, source))?;
    let first = settled(options)
        .max_connections(2)
        .acquire_timeout(STARTING)
        .connect_lazy_with(server.clone());
    let asked = timeout(STARTING, encoding(&first)).await;
    let asked = asked.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    judge(asked, &target)?;
    first.close().await;

    let terms = options.terms();
    let most = options.max_connections.max(2);
    let pool = terms
        .trust
        .guard(settled(options), terms.patience)
        .max_connections(most)
        .acquire_timeout(options.patience())
        .test_before_acquire(false)
        .connect_lazy_with(server);
    // One of them is for migrations, and for one that takes the place of another.
    let connections = Connections::new(pool.into(), most - 1, terms);
    Ok(SqlStore::new(
        connections.clone(),
        connections,
        options.deadline,
        None,
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

/// Connects once, for the reason if that cannot be. A server that is starting is waited for.
async fn meet(server: &PgConnectOptions) -> Result<(), sqlx::Error> {
    loop {
        match server.connect().await {
            Ok(connection) => return connection.close().await,
            Err(error) if code(&error).as_deref() == Some("57P03") => sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// The code of what a server says (PostgreSQL's appendix A).
fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.map(Cow::into_owned)
}

fn refused(target: &str, source: sqlx::Error) -> ConnectError {
    let said = source.as_database_error().map(|_said| reason(&source));
    ConnectError::Open {
        target: target.to_owned(),
        advice: advice(&source),
        source: said.map_or_else(|| source.into(), Into::into),
    }
}

/// What it means that there is no connection, and what to do.
fn advice(error: &sqlx::Error) -> &'static str {
    const INSECURE: &str = ", with which no secure connection comes about: mend sslmode and sslrootcert in \
                            database.url, or the server's certificate";
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return ", which does not answer within 10 s: mend host and port in database.url, or what lets \
                nothing through on the way";
    }
    if matches!(error, sqlx::Error::Tls(_)) {
        return INSECURE;
    }
    if let sqlx::Error::Io(error) = error {
        let kind = error.kind();
        let is_refused =
            kind == io::ErrorKind::ConnectionRefused || kind == io::ErrorKind::NotFound;
        return if is_refused {
            ", where no PostgreSQL listens: start it, or mend host and port in database.url"
        } else if kind == io::ErrorKind::InvalidData {
            INSECURE
        } else {
            ", which cannot be reached: mend host and port in database.url"
        };
    }
    match code(error).as_deref() {
        Some("28P01" | "28000") => {
            ", which refuses this user: mend user and password in database.url, where what is no letter or \
             digit is in %-encoding, or the server's pg_hba.conf"
        }
        Some("3D000") => {
            ", which is not there: make it (CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0), or mend \
             the name in database.url"
        }
        Some("53300") => {
            ", which has no connection left: lower database.maximum_connections of the processes, or raise \
             the server's max_connections"
        }
        Some(_) | None => "",
    }
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
/// when it has grown: each statement of a request finds its rows by an index, so no other way is weighed. Those of a
/// ceremony are few, and for a few a bitmap costs more than it spares. Where there is no index the costs are said to be
/// enormous, which is no reason to compile it.
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
        SET enable_bitmapscan = off;
        SET jit = off;
        SET idle_in_transaction_session_timeout = '30s';
        SET tcp_keepalives_idle = 60;
        SET tcp_keepalives_interval = 10"
    )
}

/// The encoding of the database. It is asked for on two connections in turn: a pooler that gives both the same
/// session, but does not keep what they prepared apart, shows itself.
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
        Err(source) => Err(refused(&target, source)),
    }
}

/// A prepared statement that is there already, or not there any more.
fn is_of_another_session(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "42P05" | "26000"))
}

#[cfg(test)]
mod tests {
    use std::{error::Error, iter::successors, str::FromStr as _};

    use latchkey_testkit::database::TestDatabase;
    use url::Url;

    use super::*;

    async fn failure_at(url: &str) -> String {
        let mut options = ConnectOptions::from(url);
        options.max_connections = 2;
        let server = PgConnectOptions::from_str(url).unwrap();
        let Err(error) = connect(server, &options).await else {
            panic!("{url} is connected to");
        };
        let first: &(dyn Error + 'static) = &error;
        let causes = successors(Some(first), |error| (**error).source());
        let causes = causes.map(ToString::to_string);
        causes.collect::<Vec<_>>().join(": ")
    }

    #[tokio::test]
    async fn why_there_is_no_connection_is_told_at_once() {
        let database = TestDatabase::empty_postgres().unwrap();
        let with = |change: &dyn Fn(&mut Url)| {
            let mut url = Url::parse(database.url()).unwrap();
            change(&mut url);
            url.to_string()
        };
        // Nobody listens where somebody has just stopped.
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = gone.local_addr().unwrap().port();
        drop(gone);
        let refusing = format!("postgres://latchkey:hunter2@127.0.0.1:{port}/latchkey");
        let nameless = with(&|url| url.set_path("/no_such_database"));
        let stranger = with(&|url| url.set_username("nobody_of_that_name").unwrap());
        let in_clear = with(&|url| url.set_query(Some("sslmode=require")));
        for (url, said) in [
            (refusing, "where no PostgreSQL listens"),
            (nameless, "which is not there"),
            (stranger, "which refuses this user"),
            (in_clear, "with which no secure connection comes about"),
        ] {
            let failure = failure_at(&url).await;
            assert!(failure.contains(said), "{failure}");
            assert!(!failure.contains("hunter2"), "{failure}");
            // PostgreSQL tells the line of its own source.
            assert!(!failure.contains("at line"), "{failure}");
        }
    }

    #[tokio::test]
    async fn no_more_connections_are_opened_than_may_be() {
        let database = TestDatabase::empty_postgres().unwrap();
        let server = PgConnectOptions::from_str(database.url()).unwrap();
        for (given, opened) in [(1, 2), (2, 2), (8, 8)] {
            let mut options = ConnectOptions::from(database.url());
            options.max_connections = given;
            let store = connect(server.clone(), &options).await.unwrap();
            let pool = store.connection().get_postgres_connection_pool();
            assert_eq!(pool.options().get_max_connections(), opened);
            // The last one is for migrations.
            let lent = store.pools()[0].most;
            assert_eq!(u32::try_from(lent), Ok(opened - 1));
        }
    }

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

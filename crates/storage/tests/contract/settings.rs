//! The settings of connections: what they must be whatever the database's defaults are.

use std::{os::unix::fs::PermissionsExt as _, str::FromStr as _, time::Duration};

use latchkey_storage::connect::{ConnectError, connect};
use latchkey_testkit::database::TestDatabase;
use sea_orm::sqlx::{
    self, ConnectOptions as _, Connection as _,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use url::Url;

use crate::world::Sql;

#[tokio::test]
async fn sqlite_is_durable_and_waits() {
    let world = Sql::sqlite().await;
    let journal: String = world.ask("PRAGMA journal_mode").await;
    assert_eq!(journal, "wal");
    // 2 is FULL.
    for (pragma, expected) in [
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 2_000),
    ] {
        let value: i32 = world.ask(&format!("PRAGMA {pragma}")).await;
        assert_eq!(value, expected, "{pragma}");
    }
}

/// Otherwise a statement is parsed again on every call when a parameter limits how many rows it gives.
#[tokio::test]
async fn sqlite_plans_a_statement_once() {
    let world = Sql::sqlite().await;
    let used = "SELECT sqlite_compileoption_used('ENABLE_QPSG')";
    assert_eq!(world.ask::<i32>(used).await, 1);
}

#[tokio::test]
async fn sqlite_makes_the_folder_of_its_file() {
    let database = TestDatabase::empty_sqlite().unwrap();
    let deeper = database
        .url()
        .replace("latchkey.db", "a/b/latchkey.db?mode=rwc");
    let store = connect(deeper).await.unwrap();
    latchkey_migrations::up(store.connection()).await.unwrap();
    let path = database.file().replace("latchkey.db", "a/b/latchkey.db");
    assert!(std::fs::exists(path).unwrap());
}

#[tokio::test]
async fn the_folder_and_every_file_of_sqlite_are_their_owners_alone() {
    let database = TestDatabase::empty_sqlite().unwrap();
    let deeper = database.url().replace("latchkey.db", "a/b/latchkey.db");
    let store = connect(deeper).await.unwrap();
    latchkey_migrations::up(store.connection()).await.unwrap();
    for (end, expected) in [
        ("a", 0o700),
        ("a/b", 0o700),
        ("a/b/latchkey.db", 0o600),
        ("a/b/latchkey.db-wal", 0o600),
        ("a/b/latchkey.db-shm", 0o600),
    ] {
        let path = database.file().replace("latchkey.db", end);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{end}");
    }
}

/// Somebody writes to the file while it has no write-ahead log yet; SQLite by itself gives up at once.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_opened_as_soon_as_others_let_go_of_the_new_file() {
    let database = TestDatabase::empty_sqlite().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(database.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete);
    let mut writer = options.connect().await.unwrap();
    for statement in [
        "CREATE TABLE t (c)",
        "BEGIN IMMEDIATE",
        "INSERT INTO t VALUES (1)",
    ] {
        sqlx::raw_sql(statement).execute(&mut writer).await.unwrap();
    }
    let opening = tokio::spawn(connect(database.url().to_owned()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!opening.is_finished());
    writer.close().await.unwrap();
    opening.await.unwrap().unwrap();
}

/// A server whose administrator made commits asynchronous and transactions serializable.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_strict_whatever_its_defaults() {
    let world = Sql::postgres().await;
    let name = world.database.url().rsplit('/').next().unwrap().to_owned();
    for setting in [
        "synchronous_commit TO off",
        "default_transaction_isolation TO 'serializable'",
    ] {
        world
            .execute(&format!("ALTER DATABASE {name} SET {setting}"))
            .await;
    }
    world.store.clone().close().await.unwrap();
    let world = Sql::on(world.database).await;
    for (setting, expected) in [
        ("synchronous_commit", "on"),
        ("transaction_isolation", "read committed"),
        ("lock_timeout", "2s"),
        ("statement_timeout", "2s"),
        ("tcp_keepalives_idle", "60"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
    ] {
        let value: String = world.ask(&format!("SHOW {setting}")).await;
        assert_eq!(value, expected, "{setting}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_utf_8_is_refused() {
    let mut url = Url::parse(TestDatabase::empty_postgres().unwrap().url()).unwrap();
    let server = PgConnectOptions::from_str(url.as_str()).unwrap();
    let mut connection = server.connect().await.unwrap();
    let create = "CREATE DATABASE latchkey_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 \
                  LC_COLLATE 'C' LC_CTYPE 'C'";
    sqlx::raw_sql(create)
        .execute(&mut connection)
        .await
        .unwrap();
    url.set_path("latchkey_ascii");
    let refused = connect(url.as_str()).await.err();
    let drop = "DROP DATABASE latchkey_ascii WITH (FORCE)";
    sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
    let Some(ConnectError::Encoding { encoding, .. }) = refused else {
        panic!("it is not refused for its encoding: {refused:?}");
    };
    assert_eq!(encoding, "SQL_ASCII");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_server_but_never_the_password() {
    let world = Sql::postgres().await;
    let mut url = Url::parse(world.database.url()).unwrap();
    url.set_password(Some("hunter2")).unwrap();
    url.set_path("missing");
    let Err(error) = connect(url.as_str()).await else {
        panic!("there is no such database");
    };
    assert!(matches!(error, ConnectError::Open { .. }));
    let text = format!("{error} {error:?}");
    assert!(
        text.contains(&format!("{}/missing", url.port().unwrap())),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

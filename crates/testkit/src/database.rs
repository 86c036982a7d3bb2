//! Throwaway databases, one per test.

use std::{fs, io};

use latchkey_test_postgres::{PostgresError, TestPostgres};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DbErr, sqlx::sqlite::SqliteJournalMode,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Why there is no database to test with.
#[derive(Debug, thiserror::Error)]
pub enum TestDatabaseError {
    /// No folder for a SQLite file, or no file in it.
    #[error("cannot make a folder or a file for the database")]
    Folder(#[from] io::Error),
    /// No PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The newest schema cannot be made.
    #[error("cannot make the schema")]
    Schema(#[from] DbErr),
}

/// A database that nobody else uses; a SQLite file goes when the value is dropped, a PostgreSQL database
/// with its server.
///
/// The steps of the schema are taken once per process and kind of database; what tests get are copies.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A SQLite file with the newest schema and no rows.
    ///
    /// # Errors
    /// [`TestDatabaseError::Folder`], [`TestDatabaseError::Schema`].
    pub async fn sqlite() -> Result<Self, TestDatabaseError> {
        static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
        let template = TEMPLATE.get_or_try_init(async || {
            let database = Self::empty_sqlite()?;
            database.migrate().await?;
            Ok::<_, TestDatabaseError>(fs::read(database.file())?)
        });
        let template = template.await?;
        let database = Self::empty_sqlite()?;
        fs::write(database.file(), template)?;
        Ok(database)
    }

    /// A database with the newest schema and no rows, of the PostgreSQL server that this process shares.
    ///
    /// # Errors
    /// [`TestDatabaseError::Postgres`] says what is missing, [`TestDatabaseError::Schema`].
    pub async fn postgres() -> Result<Self, TestDatabaseError> {
        static TEMPLATE: OnceCell<TestDatabase> = OnceCell::const_new();
        let template = TEMPLATE.get_or_try_init(async || {
            let database = Self::empty_postgres()?;
            database.migrate().await?;
            Ok::<_, TestDatabaseError>(database)
        });
        template.await?.copy()
    }

    /// A database of its own with everything that is in this one, to which nobody may be connected.
    ///
    /// # Errors
    /// [`TestDatabaseError::Folder`], [`TestDatabaseError::Postgres`].
    pub fn copy(&self) -> Result<Self, TestDatabaseError> {
        if self.url.starts_with("sqlite://") {
            let copy = Self::empty_sqlite()?;
            fs::copy(self.file(), copy.file())?;
            return Ok(copy);
        }
        Ok(Self {
            url: TestPostgres::shared()?.copy_of(&self.url)?,
            _folder: None,
        })
    }

    /// A SQLite file in a folder of its own. It does not exist yet: whoever connects makes it.
    ///
    /// # Errors
    /// [`TestDatabaseError::Folder`].
    pub fn empty_sqlite() -> Result<Self, TestDatabaseError> {
        let folder = tempfile::Builder::new()
            .prefix("latchkey-sqlite-")
            .tempdir()?;
        Ok(Self {
            url: format!("sqlite://{}", folder.path().join("latchkey.db").display()),
            _folder: Some(folder),
        })
    }

    /// A database without any table, of the PostgreSQL server that this process shares.
    ///
    /// # Errors
    /// [`TestDatabaseError::Postgres`] says what is missing.
    pub fn empty_postgres() -> Result<Self, TestDatabaseError> {
        Ok(Self {
            url: TestPostgres::shared()?.fresh_database()?,
            _folder: None,
        })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The path of the file, when it is on SQLite.
    pub fn file(&self) -> &str {
        self.url.trim_start_matches("sqlite://")
    }

    /// Takes a step of the schema that this release does not know, `m9999_later`, as a newer one would have.
    ///
    /// # Errors
    /// [`TestDatabaseError::Schema`].
    pub async fn take_later_step(&self) -> Result<(), TestDatabaseError> {
        self.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)")
            .await
    }

    /// Does to it what somebody does by hand.
    ///
    /// # Errors
    /// [`TestDatabaseError::Schema`].
    pub async fn execute(&self, sql: &str) -> Result<(), TestDatabaseError> {
        let connection = Database::connect(ConnectOptions::new(&self.url)).await?;
        connection.execute_unprepared(sql).await?;
        Ok(connection.close().await?)
    }

    /// Takes every step of the schema and leaves nobody connected. The SQLite file has a write-ahead log,
    /// as the store would give it; whoever closes the last connection moves all of the log into the file.
    async fn migrate(&self) -> Result<(), DbErr> {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).map_sqlx_sqlite_opts(|file| {
            file.create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
        });
        let connection = Database::connect(options).await?;
        latchkey_migrations::up(&connection).await?;
        connection.close().await
    }
}

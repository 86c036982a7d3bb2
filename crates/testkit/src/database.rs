//! Throwaway databases, one per test.

use std::io;

use tempfile::TempDir;

use crate::postgres::{PostgresError, TestPostgres};

/// Why there is no database to test with.
#[derive(Debug, thiserror::Error)]
pub enum TestDatabaseError {
    /// No folder for a SQLite file.
    #[error("cannot make a folder for the database")]
    Folder(#[from] io::Error),
    /// No PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

/// An empty database that nobody else uses; a SQLite file goes when the value is dropped, a PostgreSQL
/// database with its server.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A SQLite file in a folder of its own. It does not exist yet: whoever connects makes it.
    ///
    /// # Errors
    /// [`TestDatabaseError::Folder`].
    pub fn sqlite() -> Result<Self, TestDatabaseError> {
        let folder = tempfile::Builder::new()
            .prefix("latchkey-sqlite-")
            .tempdir()?;
        Ok(Self {
            url: format!("sqlite://{}", folder.path().join("latchkey.db").display()),
            _folder: Some(folder),
        })
    }

    /// A database of the PostgreSQL server that this process shares.
    ///
    /// # Errors
    /// [`TestDatabaseError::Postgres`] says what is missing.
    pub fn postgres() -> Result<Self, TestDatabaseError> {
        Ok(Self {
            url: TestPostgres::shared()?.fresh_database()?,
            _folder: None,
        })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

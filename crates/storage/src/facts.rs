//! What there is to know of a database.

use latchkey_domain::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use crate::{file::OpenFile, store::SqlStore};

/// What there is to know of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// PostgreSQL or SQLite.
    pub product: &'static str,
    /// Its version.
    pub version: String,
    /// How it keeps text.
    pub encoding: String,
    /// The time by the clock of its machine, if that may be another one.
    pub now: Option<Timestamp>,
    /// Whether this role may make tables there, as steps of the schema do.
    pub may_migrate: bool,
    /// How many bytes its disk has room for, where that is this machine's.
    pub room: Option<u64>,
    /// Whether it takes no changes: it is a standby, or was made so.
    pub is_read_only: bool,
    /// Whether what it has committed survives when its machine fails.
    pub is_durable: bool,
    /// The first thing that is not whole in it, where all of it is looked through, as SQLite does.
    pub damage: Option<String>,
}

const OF_POSTGRES: &str = "
    SELECT current_setting('server_version') AS version,
        current_setting('server_encoding') AS encoding,
        CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS clock,
        pg_is_in_recovery() OR CAST(current_setting('default_transaction_read_only') AS BOOLEAN)
            AS is_read_only,
        CAST(current_setting('fsync') AS BOOLEAN) AS is_durable,
        COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE) AS may_migrate";

const OF_SQLITE: &str =
    "SELECT sqlite_version() AS version, (SELECT encoding FROM pragma_encoding) AS encoding";

impl SqlStore {
    /// What there is to know of the database; the schema does not matter.
    ///
    /// # Errors
    /// [`DbErr`] when it does not answer.
    pub async fn facts(&self) -> Result<Facts, DbErr> {
        let connection = self.connection();
        let backend = connection.get_database_backend();
        let is_sqlite = backend == DbBackend::Sqlite;
        let question = if is_sqlite { OF_SQLITE } else { OF_POSTGRES };
        let statement = Statement::from_string(backend, question.to_owned());
        let row = connection.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("what the database is".to_owned()))?;
        let (version, encoding) = (row.try_get("", "version")?, row.try_get("", "encoding")?);
        if is_sqlite {
            let look = Statement::from_string(backend, "PRAGMA quick_check(1)");
            let row = connection.query_one_raw(look).await?;
            let said: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
            // It is a part of this process, which opens it as it should be.
            return Ok(Facts {
                product: "SQLite",
                version,
                encoding,
                now: None,
                may_migrate: true,
                room: self.file().and_then(OpenFile::room),
                is_read_only: false,
                is_durable: true,
                damage: said.filter(|said| said != "ok"),
            });
        }
        let clock = row.try_get("", "clock")?;
        Ok(Facts {
            product: "PostgreSQL",
            version,
            encoding,
            now: Some(Timestamp::from_unix_milliseconds(clock)),
            may_migrate: row.try_get("", "may_migrate")?,
            room: None,
            is_read_only: row.try_get("", "is_read_only")?,
            is_durable: row.try_get("", "is_durable")?,
            damage: None,
        })
    }
}

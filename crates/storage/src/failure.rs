//! Failures that pass: nothing is wrong with what the database was asked, but it is away, read-only,
//! locked, full or damaged, or lacks a step of its schema or a privilege for it.

use std::{error::Error, fmt, io, iter::successors};

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, postgres::PgDatabaseError},
};

/// What sqlx says, without the line of its own source that PostgreSQL tells with whatever it says.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(said) => said.message().to_owned(),
        None => error.to_string(),
    }
}

/// The same of what sea-orm says, with what to do where that is known. It has no source, which would say it again.
#[derive(Clone, Debug)]
pub(crate) struct Said(pub(crate) DbErr);

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(said) = by_postgres(&self.0) else {
            return self.0.fmt(formatter);
        };
        formatter.write_str(said.message())?;
        formatter.write_str(match said.code() {
            NO_PRIVILEGE => {
                ": let the role in database.url own the database and every table in it (ALTER DATABASE … OWNER TO …, \
                 ALTER TABLE … OWNER TO …)"
            }
            READ_ONLY => {
                ": it takes no changes, as a standby or with default_transaction_read_only on; lead database.url to the \
                 server that takes changes"
            }
            NO_ROOM => ": make room on the disk of the database",
            _ => "",
        })
    }
}

impl Error for Said {}

/// What callers are told in place of an error among whose causes is one that PostgreSQL told.
pub(crate) fn retold(error: &(dyn Error + 'static)) -> Option<StoreError> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<DbErr>())
        .find(|failure| by_postgres(failure).is_some())
        .map(|failure| StoreError::new(Said(failure.clone())))
}

fn by_postgres(failure: &DbErr) -> Option<&PgDatabaseError> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))
    | DbErr::Conn(RuntimeErr::SqlxError(cause))) = failure
    else {
        return None;
    };
    cause.as_database_error()?.try_downcast_ref()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |error| (**error).source())
}

/// insufficient_privilege (PostgreSQL's manual, appendix A).
const NO_PRIVILEGE: &str = "42501";

/// read_only_sql_transaction.
const READ_ONLY: &str = "25006";

/// disk_full.
const NO_ROOM: &str = "53100";

/// There is no connection, because the last one that was to be made was not, for this reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no connection to the database can be made: {0}")]
pub(crate) struct NotMade(pub(crate) String);

/// What SQLite says of a table or column that is not there.
const LACKS: [&str; 3] = ["no such column", "no such table", "has no column named"];

/// How a failure passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// The connection is of no use any more; another one may be.
    Broken,
    /// The same, because nothing is heard of the server, for longer than it works on a statement.
    Silent,
    /// Another connection could not be made; nothing was asked, and those that there are may be good.
    NotMade,
    /// The database is read-only, or was when the connection was made; another one may not be.
    ReadOnly,
    /// Somebody else is in the way, and may be gone at the next try.
    Contention,
    /// There is no connection or no room left, and trying again at once would only take more of it.
    Exhaustion,
    /// The schema lacks a table or column (a step was taken back, or is still to be taken), or the role a privilege
    /// for one. Trying again at once finds it no better.
    Schema,
    /// What it keeps is not whole: its disk failed, or its file was overwritten. It is no better until somebody brings
    /// back what was there.
    Damage,
}

impl Passing {
    /// How what is among the causes of this error passes, if it does, and what callers are told of it.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<(Self, StoreError)> {
        causes(error).find_map(|cause| {
            if let Some(not_made) = cause.downcast_ref::<NotMade>() {
                return Some((Self::NotMade, StoreError::unavailable(not_made.clone())));
            }
            let said = cause.downcast_ref().map(|Said(failure)| failure);
            let failure = said.or_else(|| cause.downcast_ref())?;
            let passing = Self::of_failure(failure)?;
            Some((passing, StoreError::unavailable(Said(failure.clone()))))
        })
    }

    /// Whether this error says that its connection is of no use any more.
    pub(crate) fn is_broken(error: &(dyn Error + 'static)) -> bool {
        matches!(Self::of(error), Some((Self::Broken | Self::Silent, _told)))
    }

    fn of_failure(failure: &DbErr) -> Option<Self> {
        let (DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))) = failure
        else {
            return matches!(failure, DbErr::ConnectionAcquire(_)).then_some(Self::Exhaustion);
        };
        Self::of_cause(cause)
    }

    /// The same of what sqlx says.
    pub(crate) fn of_cause(cause: &sqlx::Error) -> Option<Self> {
        if let Some(error) = cause.as_database_error() {
            return Self::of_code(error);
        }
        if let sqlx::Error::Io(error) = cause
            && error.kind() == io::ErrorKind::TimedOut
        {
            return Some(Self::Silent);
        }
        matches!(
            cause,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
        )
        .then_some(Self::Broken)
    }

    fn of_code(error: &(dyn DatabaseError + 'static)) -> Option<Self> {
        let code = error.code()?;
        if error
            .try_downcast_ref::<sqlx::sqlite::SqliteError>()
            .is_some()
        {
            Self::of_sqlite(code.parse().ok()?, error.message())
        } else {
            Self::of_sqlstate(&code)
        }
    }

    /// SQLite's result codes, and what it says; extended ones have more in their higher bits.
    fn of_sqlite(code: u32, message: &str) -> Option<Self> {
        match code & 0xff {
            // SQLITE_ERROR, which is much else too: what it says is told apart by the words alone.
            1 if LACKS.iter().any(|words| message.contains(words)) => Some(Self::Schema),
            // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL
            5 | 6 | 15 => Some(Self::Contention),
            // SQLITE_NOMEM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN
            7 | 8 | 10 | 13 | 14 => Some(Self::Exhaustion),
            // SQLITE_CORRUPT, SQLITE_NOTADB
            11 | 26 => Some(Self::Damage),
            _ => None,
        }
    }

    /// PostgreSQL's codes (its manual, appendix A).
    fn of_sqlstate(code: &str) -> Option<Self> {
        match code {
            // Sessions that the server has ended.
            "25P03" | "25P04" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => {
                Some(Self::Broken)
            }
            // A server or session that is read-only.
            "25006" => Some(Self::ReadOnly),
            // What cannot be serialized, deadlocks, locks that others hold, what took too long, and rows that refer to
            // one which somebody else has just deleted: who tries again sees that it is gone.
            "23503" | "40001" | "40P01" | "55P03" | "57014" => Some(Self::Contention),
            // A column, or a table, and the privilege to use one.
            "42703" | "42P01" | NO_PRIVILEGE => Some(Self::Schema),
            // A page that cannot be read, or an index that is broken.
            "XX001" | "XX002" => Some(Self::Damage),
            // The connection; resources; the system itself.
            _ => match code.get(..2) {
                Some("08") => Some(Self::Broken),
                Some("53" | "58") => Some(Self::Exhaustion),
                Some(_) | None => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no test can make SQLite say; what it says of files and of locks is made by real ones.
    #[test]
    fn what_passes_is_told_by_the_codes_of_sqlite() {
        for (code, passing) in [
            (7, Some(Passing::Exhaustion)),
            (15, Some(Passing::Contention)),
            // SQLITE_IOERR_NOMEM
            (3082, Some(Passing::Exhaustion)),
            // SQLITE_CORRUPT_INDEX, SQLITE_NOTADB
            (779, Some(Passing::Damage)),
            (26, Some(Passing::Damage)),
            // SQLITE_CONSTRAINT_UNIQUE
            (2067, None),
        ] {
            assert_eq!(Passing::of_sqlite(code, ""), passing, "{code}");
        }
    }

    /// What no test can make PostgreSQL say without spoiling its files.
    #[test]
    fn what_is_damaged_in_postgresql_is_told_by_its_codes() {
        for code in ["XX001", "XX002"] {
            assert_eq!(Passing::of_sqlstate(code), Some(Passing::Damage), "{code}");
        }
    }
}

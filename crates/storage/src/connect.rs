//! Opening a database by its URL, with the settings each kind needs.

use std::{
    io,
    num::NonZero,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use latchkey_domain::host::{ENCODING_ADVICE, RequestHost, needs_encoding};
use sea_orm::sqlx::{
    self,
    error::DatabaseError,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use url::Url;

use crate::{
    connection::{Connections, Terms},
    failure::Passing,
    file::OpenFile,
    private,
    store::{self, SqlStore},
    trust::Trust,
    watch::Watch,
};

mod postgres;

/// How to reach the database.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `sqlite://path` or `postgres://user:password@host:port/database`.
    pub url: String,
    /// The most connections to PostgreSQL, two at least. SQLite always has one writer, and a reader for each processor,
    /// within [`SQLITE_READERS`].
    pub max_connections: u32,
    /// How long a call of a port may take; then it fails as not available. So that what is slow can be told
    /// from what hangs, one statement and one lock (and on SQLite one operation) may take two fifths of it,
    /// which leaves room for a second try.
    pub deadline: Duration,
}

/// How many connections may read from SQLite. A read waits for nobody and seldom for the disk, so more than there are
/// processors read no faster, and with two a long read stops no other; each has a thread, statements of its own, and
/// up to half a MiB of pages.
pub const SQLITE_READERS: RangeInclusive<u32> = 2..=4;

/// How many pages a connection keeps that reads from SQLite, as its pragma says it: in KiB, and negative. The upper
/// pages of each index are what is met again and again; what is not there is in the system's own cache, which all
/// connections share.
const READER_CACHE: &str = "-512";

/// How many bytes the write-ahead log of SQLite keeps when it begins anew.
const LOG_LIMIT: &str = "67108864";

/// At how many pages of the log whoever commits moves it into the file and so lets it begin anew: 16 MiB. It is
/// moved beside all that by time, so little is left for the one who meets that limit.
const LOG_PAGES: &str = "4000";

impl ConnectOptions {
    /// The defaults for that URL: 32 connections, and five seconds for a call.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 32,
            deadline: Duration::from_secs(5),
        }
    }

    /// How long one statement may take, and one lock may be waited for.
    fn patience(&self) -> Duration {
        store::patience(self.deadline)
    }

    fn terms(&self) -> Terms {
        Terms {
            trust: Trust::default(),
            patience: self.patience(),
            statements: Arc::default(),
            watch: Watch::default(),
        }
    }
}

impl From<&str> for ConnectOptions {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for ConnectOptions {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

/// What is wrong with a database URL. The texts say what to write instead and never repeat the URL,
/// which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Neither of the two databases.
    #[error("must begin with sqlite:// or postgres://")]
    Scheme,
    /// `sqlite://` alone.
    #[error("must name a file, such as sqlite://data/latchkey.db")]
    NoFile,
    /// In memory there is one connection only, and nothing survives.
    #[error("must name a file: a database in memory is not supported")]
    InMemory,
    /// A parameter that SQLite URLs do not have here.
    #[error("has a parameter that is not supported; the only one is mode=rwc")]
    Parameter,
    /// A password hides the host.
    #[error("{ENCODING_ADVICE}")]
    Encoding,
    /// A parameter that PostgreSQL's client would ignore: the one of that number.
    #[error(
        "has a parameter that is not supported, number {0} behind the question mark (it is not shown, since it may be \
         part of a password); there are {known}",
        known = POSTGRES_PARAMETERS.join(", ")
    )]
    PostgresParameter(usize),
    /// PostgreSQL's client cannot read it.
    #[error("must have the form postgres://user:password@host:port/database: {0}")]
    Postgres(String),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is wrong.
    #[error("the database URL {0}")]
    Url(#[from] UrlError),
    /// The folder of the SQLite file cannot be made.
    #[error("cannot make the folder {} for the database", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database does not answer, or refuses.
    #[error("cannot open the database {target}{advice}")]
    Open {
        /// The file, or host, port and name; never the password.
        target: String,
        /// What it means, and what to do; it may be empty.
        advice: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Names and origins have letters of all the world.
    #[error(
        "the database {target} has the encoding {encoding}; make one with \
         CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        /// Host, port and name.
        target: String,
        /// What it has.
        encoding: String,
    },
    /// What stands in front of PostgreSQL gives one session's statements to another session.
    #[error(
        "the pooler at {target} does not keep prepared statements apart: use PgBouncer 1.21 or newer \
         with max_prepared_statements above 0, or pool_mode = session"
    )]
    Pooler {
        /// Host, port and name.
        target: String,
        /// What came of it.
        source: sqlx::Error,
    },
}

/// The parameters that PostgreSQL's client reads from a URL, besides those in `options[…]`.
const POSTGRES_PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Where a database is, read from a URL.
enum Location {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// Whether a database URL is of a form that [`connect`] takes; nothing is opened.
///
/// # Errors
/// [`UrlError`] says what to change.
pub fn check_url(url: &str) -> Result<(), UrlError> {
    locate(url).map(|_location| ())
}

/// The file of an SQLite database, as the URL names it, and none for another one.
///
/// # Errors
/// [`UrlError`] says what to change.
pub fn sqlite_file(url: &str) -> Result<Option<PathBuf>, UrlError> {
    Ok(match locate(url)? {
        Location::Sqlite(path) => Some(path),
        Location::Postgres(_) => None,
    })
}

/// Where the database is, for people: the absolute path of its file, or host, port and name; never the password.
///
/// # Errors
/// [`UrlError`] says what to change.
pub fn target(url: &str) -> Result<String, UrlError> {
    Ok(match locate(url)? {
        Location::Sqlite(path) => absolute(path).display().to_string(),
        Location::Postgres(server) => postgres::target(&server),
    })
}

/// The path wherever one stands.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Whether whoever is on the way to the database can read and change what is said: it is on another machine, and
/// need not prove by a certificate which one it is.
///
/// # Errors
/// [`UrlError`] says what to change.
pub fn trusts_the_network(url: &str) -> Result<bool, UrlError> {
    Ok(match locate(url)? {
        Location::Sqlite(_) => false,
        Location::Postgres(server) => {
            let is_verified = matches!(server.get_ssl_mode(), PgSslMode::VerifyFull);
            !is_verified && !is_here(&server)
        }
    })
}

/// Whether a server is on this machine: behind a socket of the file system, or the loopback interface.
fn is_here(server: &PgConnectOptions) -> bool {
    let host = server.get_host();
    server.get_socket().is_some()
        || host.starts_with('/')
        || RequestHost::parse(host).is_some_and(|host| host.is_loopback())
}

/// Opens the database, and for SQLite makes the folder and the file when they are missing. The schema
/// is not touched.
///
/// # Errors
/// [`ConnectError`] says what is wrong.
pub async fn connect(options: impl Into<ConnectOptions>) -> Result<SqlStore, ConnectError> {
    let options = options.into();
    match locate(&options.url)? {
        Location::Sqlite(path) => connect_sqlite(path, &options).await,
        Location::Postgres(server) => postgres::connect(*server, &options).await,
    }
}

fn locate(url: &str) -> Result<Location, UrlError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        if needs_encoding(url) {
            return Err(UrlError::Encoding);
        }
        if let Ok(url) = Url::parse(url)
            && let Some(before) = url.query_pairs().position(|(name, _)| !is_known(&name))
        {
            return Err(UrlError::PostgresParameter(before + 1));
        }
        PgConnectOptions::from_str(url)
            .map(|options| Location::Postgres(Box::new(options)))
            .map_err(|error| UrlError::Postgres(error.to_string()))
    } else if url.starts_with("sqlite:") {
        locate_sqlite(url).map(Location::Sqlite)
    } else {
        Err(UrlError::Scheme)
    }
}

fn is_known(parameter: &str) -> bool {
    POSTGRES_PARAMETERS.contains(&parameter) || parameter.starts_with("options[")
}

fn locate_sqlite(url: &str) -> Result<PathBuf, UrlError> {
    let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
    if !matches!(parameters, "" | "mode=rwc") {
        return Err(UrlError::Parameter);
    }
    if matches!(base, "sqlite:" | "sqlite://") {
        return Err(UrlError::NoFile);
    }
    if base.contains(":memory:") {
        return Err(UrlError::InMemory);
    }
    SqliteConnectOptions::from_str(base)
        .map(|options| options.get_filename().to_path_buf())
        .map_err(|_unreadable| UrlError::NoFile)
}

async fn connect_sqlite(path: PathBuf, options: &ConnectOptions) -> Result<SqlStore, ConnectError> {
    let path = absolute(path);
    if let Some(folder) = path.parent() {
        private::make_folder(folder).map_err(|source| ConnectError::Folder {
            path: folder.to_path_buf(),
            source,
        })?;
    }
    make_file(&path).map_err(|source| ConnectError::Open {
        target: path.display().to_string(),
        advice: "",
        source: source.into(),
    })?;
    let file = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.patience())
        .foreign_keys(true)
        // What a savepoint takes back is kept there, and would be written to a file otherwise.
        .pragma("temp_store", "MEMORY")
        // While somebody reads for long, as a backup does, the log grows; it does not keep that room for ever.
        .pragma("journal_size_limit", LOG_LIMIT);
    let failed = |source: sqlx::Error| ConnectError::Open {
        target: path.display().to_string(),
        advice: sqlite_advice(&source),
        source: source.into(),
    };
    let deadline = options.deadline;
    let terms = options.terms();
    let for_writing = file.clone().pragma("wal_autocheckpoint", LOG_PAGES);
    let writer = open_sqlite(1, deadline, &for_writing, &terms)
        .await
        .map_err(failed)?;
    let for_reading = file
        .pragma("query_only", "ON")
        .pragma("cache_size", READER_CACHE);
    let processors = available_parallelism().map_or(1, NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    let readers = processors
        .clamp(*SQLITE_READERS.start(), *SQLITE_READERS.end())
        .min(options.max_connections.max(1));
    let reader = open_sqlite(readers, deadline, &for_reading, &terms)
        .await
        .map_err(failed)?;
    let opened = OpenFile::at(&path).map_err(|error| failed(sqlx::Error::Io(error)))?;
    Ok(SqlStore::new(reader, writer, deadline, Some(opened)))
}

/// What it means that the file cannot be opened, and what to do.
fn sqlite_advice(error: &sqlx::Error) -> &'static str {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.as_deref() {
        // SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_SHMSIZE
        Some("13" | "778" | "1034" | "1546" | "4874") => {
            ", whose disk is full, or fails: make room there (`df` shows it), or see the system's log"
        }
        // SQLITE_READONLY and its kin, SQLITE_CANTOPEN
        Some("8" | "264" | "520" | "776" | "1032" | "1288" | "1544" | "14") => {
            ", which this user may not write to, or not beside it: run the command as the user that the service runs \
             as, or give file and folder to that user (`chown`, `chmod u+w`)"
        }
        // SQLITE_CORRUPT, SQLITE_NOTADB
        Some("11" | "26") => {
            ", which is damaged or no database: bring a backup back (`latchkey restore FILE`)"
        }
        Some(_) | None => "",
    }
}

/// Makes the file, empty, when it is missing: SQLite would make it as the system's default says, and gives
/// the files beside it the mode of this one.
fn make_file(path: &Path) -> io::Result<()> {
    match private::make_file(path) {
        Ok(_empty) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a pool. Processes that make the same new file at once collide while they switch it to the
/// write-ahead log, and SQLite does not wait there by itself.
async fn open_sqlite(
    size: u32,
    deadline: Duration,
    file: &SqliteConnectOptions,
    terms: &Terms,
) -> Result<Connections, sqlx::Error> {
    let mut attempts_left = 100_u32;
    loop {
        let opened = terms
            .trust
            .guard(SqlitePoolOptions::new(), terms.patience)
            // What comes back was dropped in the middle of something, and may hold the lock of all who write.
            .after_release(|_dropped, _state| Box::pin(async { Ok(false) }))
            .max_connections(size + 1)
            .acquire_timeout(deadline)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(file.clone())
            .await;
        match opened {
            Err(error) if attempts_left > 0 && is_busy(&error) => attempts_left -= 1,
            Ok(pool) => return Ok(Connections::new(pool.into(), size, terms.clone())),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    Passing::of_cause(error) == Some(Passing::Contention)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_are_accepted() {
        for url in [
            "sqlite://data/latchkey.db",
            "sqlite:///var/lib/latchkey.db?mode=rwc",
            "sqlite:latchkey.db",
            "postgres://user:secret@localhost:5432/latchkey",
            "postgresql://localhost/latchkey",
            "postgres://localhost/latchkey?sslmode=require&options%5Bsearch_path%5D=latchkey",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_is_said_to_another_machine_is_safe_if_that_proves_which_it_is() {
        for (server, trusts) in [
            ("db.example.com/latchkey?sslmode=disable", true),
            ("db.example.com/latchkey?sslmode=prefer", true),
            ("db.example.com/latchkey?sslmode=require", true),
            ("db.example.com/latchkey?sslmode=verify-ca", true),
            ("db.example.com/latchkey?sslmode=verify-full", false),
            ("192.0.2.7:5432/latchkey?sslmode=require", true),
            ("localhost:5432/latchkey?sslmode=prefer", false),
            ("127.0.0.1/latchkey?sslmode=disable", false),
            ("[::1]/latchkey?sslmode=disable", false),
            ("%2Fvar%2Frun%2Fpostgresql/latchkey", false),
        ] {
            for user in ["", "user:hunter2@"] {
                let url = format!("postgres://{user}{server}");
                assert_eq!(trusts_the_network(&url), Ok(trusts), "{url}");
            }
        }
        assert_eq!(trusts_the_network("sqlite://data/latchkey.db"), Ok(false));
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        for (url, error) in [
            ("", UrlError::Scheme),
            ("mysql://localhost/latchkey", UrlError::Scheme),
            ("sqlite://", UrlError::NoFile),
            ("sqlite:", UrlError::NoFile),
            ("sqlite::memory:", UrlError::InMemory),
            ("sqlite://:memory:", UrlError::InMemory),
            ("sqlite://a.db?mode=ro", UrlError::Parameter),
            ("sqlite://a.db?cache=shared", UrlError::Parameter),
            ("postgres://root:1/2@localhost/latchkey", UrlError::Encoding),
            ("postgres://root:a#b@localhost/latchkey", UrlError::Encoding),
            (
                "postgres://localhost/latchkey?sslmod=verify-full",
                UrlError::PostgresParameter(1),
            ),
            (
                "postgres://localhost/latchkey?sslmode=require&hunter2",
                UrlError::PostgresParameter(2),
            ),
        ] {
            assert_eq!(check_url(url), Err(error), "{url}");
        }
    }

    #[test]
    fn the_error_never_shows_the_password() {
        for url in [
            "postgres://user:hunter2@localhost:port/latchkey",
            "postgres://user:hunter2@/x:y",
            "postgres://user:hunter2/@localhost/latchkey",
            "postgres://user:hunter2@localhost/latchkey?sslmode=perhaps",
            "mysql://user:hunter2@localhost/latchkey",
            "postgres://user@localhost/latchkey?hunter2",
        ] {
            let text = check_url(url).map_or_else(|error| error.to_string(), |()| String::new());
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latchkey.db");
        std::fs::write(&path, "no database".repeat(1000)).unwrap();
        let error = connect(format!("sqlite://{}", path.display())).await;
        let said = error.unwrap_err().to_string();
        assert!(said.contains("damaged or no database"), "{said}");
    }

    #[test]
    fn a_target_is_the_same_wherever_one_stands_and_never_has_the_password() {
        let file = target("sqlite://data/latchkey.db").unwrap();
        assert!(
            file.starts_with('/') && file.ends_with("/data/latchkey.db"),
            "{file}"
        );
        let server = target("postgres://user:hunter2@localhost:5432/latchkey");
        assert_eq!(server.as_deref(), Ok("localhost:5432/latchkey"));
    }

    #[test]
    fn the_path_of_a_file_is_what_follows_the_slashes() {
        assert_eq!(
            locate_sqlite("sqlite://data/latchkey.db?mode=rwc"),
            Ok(PathBuf::from("data/latchkey.db"))
        );
        assert_eq!(
            locate_sqlite("sqlite:///data/latchkey.db"),
            Ok(PathBuf::from("/data/latchkey.db"))
        );
    }
}

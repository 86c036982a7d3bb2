//! A whole database as one stream of lines, of whichever kind it is, and a database made of such a stream.
//!
//! The first line says whose it is and at which step of the schema. Then comes each table: a line with its columns,
//! and a line for each row. The last line says how many rows there are, and has the SHA-256 of all before it. All of
//! it is read in one transaction, so it is the database of one moment; and nothing but a row is in memory at a time,
//! or a batch of them while they are written.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, BufRead, Read as _, Write},
};

use data_encoding::HEXLOWER;
use futures_util::TryStreamExt as _;
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement,
    StreamTrait as _, TransactionOptions, TransactionTrait as _, Value,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::after::{end_everything, rebind};
use self::{
    cell::{Cell, Kind},
    schema::{Column, quoted},
    sum::Sum,
};
use crate::store::SqlStore;

mod after;
mod cell;
mod schema;
mod sum;

/// The form of the lines; another one gets another number.
const FORMAT: u32 = 1;

/// The most values that one statement inserts: fewer than either database takes.
const VALUES: usize = 4_000;

/// The longest line that is read, in bytes: a row is shorter by far, and one without an end would fill the memory.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// How much of SQLite's file is in memory while it is filled, in KiB: rows come in no order of its indexes, and with
/// less, pages of these would be written and read again for each row.
const FILL_CACHE: &str = "PRAGMA cache_size = -262144";

/// After how many rows of a table the log tells how far it is.
const TOLD_EVERY: u64 = 100_000;

/// What a backup says of itself first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The form of the lines.
    #[serde(rename = "latchkeyBackup")]
    pub format: u32,
    /// The release that made it.
    pub release: String,
    /// When it was made.
    pub made: String,
    /// Every step of the schema that the database had taken, oldest first.
    pub steps: Vec<String>,
    /// The fingerprint of the secrets that the database is bound to, if it is.
    pub secrets_fingerprint: Option<String>,
    /// How many organizations there are.
    pub organizations: u64,
}

/// What a backup says of itself last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
    /// The SHA-256 of all lines before, in hexadecimal digits.
    pub sha256: String,
}

/// A line that is no row, after the first.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Table { table: String, columns: Vec<Column> },
    End(Summary),
}

/// Why there is no backup, or no database of one. What it says is for whoever runs the command.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database fails.
    #[error("the database failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The backup cannot be read or written.
    #[error("the backup cannot be read or written")]
    File(#[source] io::Error),
    /// There is no schema.
    #[error("the database is empty: there is nothing to back up")]
    Nothing,
    /// A column of a type that no part of the schema has.
    #[error(
        "the column {column} of table {table} has the type {kind}, which this release does not know"
    )]
    Type {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// Something else.
    #[error("this is no backup of Latchkey")]
    Foreign,
    /// A form that this release does not know.
    #[error(
        "this backup was made by a newer release ({release}): it takes that one, or a newer one"
    )]
    Newer {
        /// The release that made it.
        release: String,
    },
    /// The end is missing.
    #[error("this backup is not whole: it ends too early. Copy it anew, or take another one")]
    NotWhole,
    /// It is not what was written.
    #[error(
        "this backup is not what was written: it was damaged or changed after it was made. Copy it anew, or take \
         another one"
    )]
    Changed,
    /// Its table is not the table of the schema that it names.
    #[error("the table {table} of this backup does not fit the schema that it names")]
    Shape {
        /// The table.
        table: String,
    },
    /// A database that has something to lose.
    #[error(
        "the database is not empty, it has rows in: {}. Name a new one (database.url); nothing was changed",
        tables.join(", ")
    )]
    NotEmpty {
        /// The tables that have rows.
        tables: Vec<String>,
    },
    /// What was written is not what is read.
    #[error("the table {table} does not hold what the backup has; nothing was changed")]
    Verification {
        /// The table.
        table: String,
    },
}

/// A row of a backup.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its table.
    pub table: &'a str,
    columns: &'a [Column],
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    fn cell(&self, column: &str) -> Option<&'a Cell> {
        let mut pairs = self.columns.iter().zip(self.cells);
        pairs.find_map(|(found, cell)| (found.name == column).then_some(cell))
    }

    /// What is in a column of texts.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        match self.cell(column)? {
            Cell::Text(text) => text.as_deref(),
            Cell::Bytes(_) | Cell::Integer(_) | Cell::Boolean(_) => None,
        }
    }

    /// What is in a column of bytes.
    pub fn bytes(&self, column: &str) -> Option<&'a [u8]> {
        match self.cell(column)? {
            Cell::Bytes(bytes) => bytes.as_deref(),
            Cell::Text(_) | Cell::Integer(_) | Cell::Boolean(_) => None,
        }
    }
}

/// Writes everything that is in a database at one moment. Who serves meanwhile goes on; only a migration may have to
/// wait.
///
/// # Errors
/// [`BackupError`].
pub async fn write(
    store: &SqlStore,
    release: &str,
    made: String,
    out: impl Write,
) -> Result<Summary, BackupError> {
    let reading = begin_reading(store).await?;
    let steps = schema::steps(&reading).await?;
    if steps.is_empty() {
        return Err(BackupError::Nothing);
    }
    let header = Header {
        format: FORMAT,
        release: release.to_owned(),
        made,
        steps,
        secrets_fingerprint: schema::fingerprint(&reading).await?,
        organizations: schema::count(&reading, "organizations").await?,
    };
    let mut lines = Digested::new(out);
    lines.write(&header)?;
    let mut rows = BTreeMap::new();
    for (table, columns) in schema::tables(&reading).await? {
        lines.write(&Line::Table {
            table: table.to_owned(),
            columns: columns.clone(),
        })?;
        let mut written = 0_u64;
        read_table(&reading, table, &columns, |line| {
            written += 1;
            tell(table, written, "backed up");
            lines.put(line)
        })
        .await?;
        tracing::info!(table, rows = written, "backed up whole");
        rows.insert(table.to_owned(), written);
    }
    let summary = Summary {
        rows,
        sha256: lines.digest(),
    };
    lines.write(&Line::End(summary.clone()))?;
    reading.rollback().await?;
    Ok(summary)
}

/// How far it is.
fn tell(table: &str, rows: u64, what: &'static str) {
    if rows.is_multiple_of(TOLD_EVERY) {
        tracing::info!(table, rows, "{what} so far");
    }
}

/// A transaction that sees one moment, and may take as long as it takes.
#[expect(
    clippy::disallowed_methods,
    reason = "it reads for minutes, and changes nothing; it is no operation of a port"
)]
async fn begin_reading(store: &SqlStore) -> Result<DatabaseTransaction, DbErr> {
    let reading = store
        .connection()
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            ..TransactionOptions::default()
        })
        .await?;
    if schema::is_postgres(&reading) {
        reading
            .execute_unprepared("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await?;
    }
    take_as_long_as_it_takes(&reading).await?;
    Ok(reading)
}

/// On PostgreSQL statements and pauses between them are bounded otherwise.
async fn take_as_long_as_it_takes(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if schema::is_postgres(transaction) {
        transaction
            .execute_unprepared(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await?;
    }
    Ok(())
}

/// Gives every row of a table, as the line that it is in a backup.
async fn read_table(
    transaction: &DatabaseTransaction,
    table: &str,
    columns: &[Column],
    mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let selected: Vec<_> = columns.iter().map(Column::selected).collect();
    let sql = format!("SELECT {} FROM {}", selected.join(", "), quoted(table));
    let statement = Statement::from_string(schema::backend(transaction), sql);
    let mut rows = transaction.stream_raw(statement).await?;
    while let Some(row) = rows.try_next().await? {
        let cells: Vec<_> = (0..)
            .zip(columns)
            .map(|(index, column)| Cell::read(&row, index, column.kind))
            .collect::<Result<_, _>>()?;
        each(&line_of(&cells)?)?;
    }
    Ok(())
}

/// A line without its end.
fn line_of(value: &impl Serialize) -> Result<Vec<u8>, BackupError> {
    serde_json::to_vec(value).map_err(|error| BackupError::File(error.into()))
}

/// Lines on their way, and the digest of those that have gone by.
struct Digested<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Digested<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            digest: Sha256::new(),
        }
    }

    fn write(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        self.put(&line_of(value)?)
    }

    fn put(&mut self, line: &[u8]) -> Result<(), BackupError> {
        for part in [line, b"\n".as_slice()] {
            self.digest.update(part);
            self.out.write_all(part).map_err(BackupError::File)?;
        }
        Ok(())
    }

    fn digest(&self) -> String {
        HEXLOWER.encode(&self.digest.clone().finalize())
    }
}

/// A backup that is being read.
pub struct Reading<R> {
    input: R,
    line: Vec<u8>,
    digest: Sha256,
    header: Header,
}

impl<R: BufRead> Reading<R> {
    /// Reads what a backup says of itself first.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn begin(input: R) -> Result<Self, BackupError> {
        /// What every form begins with.
        #[derive(Deserialize)]
        struct Beginning {
            #[serde(rename = "latchkeyBackup")]
            format: u32,
            release: String,
        }
        let mut reading = Self {
            input,
            line: Vec::new(),
            digest: Sha256::new(),
            header: Header {
                format: FORMAT,
                release: String::new(),
                made: String::new(),
                steps: Vec::new(),
                secrets_fingerprint: None,
                organizations: 0,
            },
        };
        reading.next_line().map_err(|error| {
            // Whoever unpacks it finds nothing packed.
            let is_changed = matches!(error, BackupError::Changed);
            let is_cut = matches!(error, BackupError::NotWhole);
            if is_changed || is_cut && !begins_as_one(&reading.line) {
                BackupError::Foreign
            } else {
                error
            }
        })?;
        let beginning: Beginning =
            serde_json::from_slice(&reading.line).map_err(|_other| BackupError::Foreign)?;
        if beginning.format != FORMAT {
            return Err(BackupError::Newer {
                release: beginning.release,
            });
        }
        reading.header =
            serde_json::from_slice(&reading.line).map_err(|_other| BackupError::Changed)?;
        reading.digest_line();
        Ok(reading)
    }

    /// What it says of itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the next line, without its end.
    fn next_line(&mut self) -> Result<(), BackupError> {
        self.line.clear();
        let mut bounded = self.input.by_ref().take(LONGEST_LINE);
        let read = bounded
            .read_until(b'\n', &mut self.line)
            .map_err(unreadable)?;
        if self.line.ends_with(b"\n") {
            self.line.pop();
            Ok(())
        } else if u64::try_from(read) == Ok(LONGEST_LINE) {
            Err(BackupError::Changed)
        } else {
            Err(BackupError::NotWhole)
        }
    }

    fn digest_line(&mut self) {
        self.digest.update(&self.line);
        self.digest.update(b"\n");
    }

    /// Reads the next line that must be no row.
    fn next_that_is_no_row(&mut self) -> Result<Line, BackupError> {
        self.next_line()?;
        serde_json::from_slice(&self.line).map_err(|_other| BackupError::Changed)
    }

    /// Requires that nothing comes any more.
    fn end(&mut self) -> Result<(), BackupError> {
        match self.input.read(&mut [0]).map_err(unreadable)? {
            0 => Ok(()),
            _ => Err(BackupError::Changed),
        }
    }
}

/// Whether this may be how a backup begins, of which the rest is missing.
fn begins_as_one(line: &[u8]) -> bool {
    let beginning = br#"{"latchkeyBackup":"#;
    line.starts_with(beginning) || beginning.starts_with(line)
}

/// What a file that was cut off, or changed, is told as by whoever unpacks it.
fn unreadable(error: io::Error) -> BackupError {
    let kind = error.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        BackupError::NotWhole
    } else if [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput].contains(&kind) {
        BackupError::Changed
    } else {
        BackupError::File(error)
    }
}

/// Requires that a database, in a transaction in which nobody else migrates it, has nothing to lose: no table of
/// Latchkey has a row.
///
/// # Errors
/// [`BackupError::NotEmpty`] names the tables.
pub async fn require_empty(transaction: &DatabaseTransaction) -> Result<(), BackupError> {
    let mut tables = Vec::new();
    for (table, _columns) in schema::tables(transaction).await? {
        let rows = schema::count(transaction, table).await?;
        if rows > 0 {
            tables.push(format!("{table} ({rows})"));
        }
    }
    if tables.is_empty() {
        Ok(())
    } else {
        Err(BackupError::NotEmpty { tables })
    }
}

/// Fills an empty database, which has the schema that the backup names, and reads all of it again: what is there is
/// then what the backup has, row by row. Whoever calls commits, or takes all back. `each` sees every row on its way.
///
/// # Errors
/// [`BackupError`]; then the transaction must be taken back.
pub async fn fill<R: BufRead>(
    transaction: &DatabaseTransaction,
    mut reading: Reading<R>,
    mut each: impl FnMut(Row<'_>),
) -> Result<Summary, BackupError> {
    take_as_long_as_it_takes(transaction).await?;
    if !schema::is_postgres(transaction) {
        transaction.execute_unprepared(FILL_CACHE).await?;
    }
    let tables = schema::tables(transaction).await?;
    let mut rows = BTreeMap::new();
    let mut line = reading.next_that_is_no_row()?;
    let summary = loop {
        let (name, columns) = match line {
            Line::Table { table, columns } => (table, columns),
            Line::End(summary) => break summary,
        };
        reading.digest_line();
        let fits = tables
            .iter()
            .any(|(table, own)| *table == name && schema::are_alike(own, &columns));
        if !fits || rows.contains_key(&name) {
            return Err(BackupError::Shape { table: name });
        }
        let filled = fill_table(transaction, &mut reading, &name, &columns, &mut each).await?;
        let mut kept = Sum::default();
        read_table(transaction, &name, &columns, |line| {
            kept.add(line);
            Ok(())
        })
        .await?;
        if kept != filled {
            return Err(BackupError::Verification { table: name });
        }
        tracing::info!(table = name, rows = filled.lines, "restored and read again");
        rows.insert(name, filled.lines);
        // The line that ended the table.
        line = serde_json::from_slice(&reading.line).map_err(|_other| BackupError::Changed)?;
    };
    let sha256 = HEXLOWER.encode(&reading.digest.clone().finalize());
    let is_every_table_there = tables.iter().all(|(table, _)| rows.contains_key(*table));
    if (summary != Summary { rows, sha256 }) || !is_every_table_there {
        return Err(BackupError::Changed);
    }
    reading.end()?;
    Ok(summary)
}

/// Inserts the rows of a table, up to the line that is none, and gives the sum of their lines.
async fn fill_table<R: BufRead>(
    transaction: &DatabaseTransaction,
    reading: &mut Reading<R>,
    table: &str,
    columns: &[Column],
    each: &mut impl FnMut(Row<'_>),
) -> Result<Sum, BackupError> {
    let most = (VALUES / columns.len().max(1)).max(1);
    let whole = insertion(table, columns, most);
    let mut values = Vec::new();
    let mut waiting = 0;
    let mut sum = Sum::default();
    loop {
        reading.next_line()?;
        let is_row = reading.line.first() == Some(&b'[');
        if is_row {
            let cells = Cell::parse_all(&reading.line, columns).ok_or(BackupError::Changed)?;
            each(Row {
                table,
                columns,
                cells: &cells,
            });
            reading.digest_line();
            sum.add(&reading.line);
            tell(table, sum.lines, "restored");
            values.extend(cells.into_iter().map(Value::from));
            waiting += 1;
        }
        if waiting == most {
            insert(transaction, &whole, std::mem::take(&mut values)).await?;
            waiting = 0;
        }
        if !is_row {
            if waiting > 0 {
                insert(transaction, &insertion(table, columns, waiting), values).await?;
            }
            return Ok(sum);
        }
    }
}

/// The statement that inserts so many rows.
fn insertion(table: &str, columns: &[Column], rows: usize) -> String {
    let names: Vec<_> = columns.iter().map(|column| quoted(&column.name)).collect();
    let mut place = 0_usize;
    let mut row = || {
        let places = columns.iter().map(|_column| {
            place += 1;
            format!("${place}")
        });
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<_> = (0..rows).map(|_row| row()).collect();
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        quoted(table),
        names.join(", "),
        rows.join(", ")
    )
}

async fn insert(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: Vec<Value>,
) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(schema::backend(transaction), sql, values);
    transaction.execute_raw(statement).await.map(|_done| ())
}

#[cfg(test)]
mod tests;

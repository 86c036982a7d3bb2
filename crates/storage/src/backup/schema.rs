//! What tables a database has, and of which columns: the database is asked, so a backup is of whatever step of the
//! schema it is at.

use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
};
use serde::{Deserialize, Serialize};

use super::{BackupError, Kind};
use crate::failure::Said;

/// Every table that there is or was at any step, in an order in which none refers to a later one. A test requires
/// that none is missing; that of the steps themselves is in the header of a backup.
const TABLES: [&str; 15] = [
    "installation",
    "organizations",
    "applications",
    "application_origins",
    "application_logos",
    "users",
    // Until the eighth step.
    "registration_codes",
    "account_codes",
    "credentials",
    "credential_codes",
    "code_requests",
    "messages",
    "spent",
    "user_actions",
    "events",
];

/// The table of the steps of the schema.
const STEPS: &str = "seaql_migrations";

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Column {
    /// How it is read: whole numbers as those of 64 bits, whichever they are.
    pub(super) fn selected(&self) -> String {
        let name = quoted(&self.name);
        match self.kind {
            Kind::Integer => format!("CAST({name} AS BIGINT)"),
            Kind::Text | Kind::Bytes | Kind::Boolean => name,
        }
    }
}

/// A name as both databases take it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a table has just these columns, in whatever order.
pub(super) fn are_alike(some: &[Column], others: &[Column]) -> bool {
    some.len() == others.len() && some.iter().all(|column| others.contains(column))
}

/// The tables that are there, with their columns.
pub(super) async fn tables(
    transaction: &DatabaseTransaction,
) -> Result<Vec<(&'static str, Vec<Column>)>, BackupError> {
    let mut found = Vec::new();
    for table in TABLES {
        let columns = columns(transaction, table).await?;
        if !columns.is_empty() {
            found.push((table, columns));
        }
    }
    Ok(found)
}

async fn columns(
    transaction: &DatabaseTransaction,
    table: &str,
) -> Result<Vec<Column>, BackupError> {
    let rows = named_columns(transaction, table).await?;
    let columns = rows.iter().map(|row| {
        let name: String = row.try_get_by_index(0)?;
        let kind: String = row.try_get_by_index(1)?;
        match kind_of(&kind) {
            Some(kind) => Ok(Column { name, kind }),
            None => Err(BackupError::Type {
                table: table.to_owned(),
                column: name,
                kind,
            }),
        }
    });
    columns.collect()
}

/// Names and types; none where there is no such table.
async fn named_columns(
    transaction: &DatabaseTransaction,
    table: &str,
) -> Result<Vec<QueryResult>, DbErr> {
    let sql = if is_postgres(transaction) {
        format!(
            "SELECT column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' \
             ORDER BY ordinal_position"
        )
    } else {
        format!("SELECT name, type FROM pragma_table_info('{table}') ORDER BY cid")
    };
    query(transaction, sql).await
}

/// The type of a column, by its name in either database.
fn kind_of(name: &str) -> Option<Kind> {
    match name.to_ascii_lowercase().as_str() {
        "text" | "varchar" | "character varying" => Some(Kind::Text),
        "blob" | "bytea" => Some(Kind::Bytes),
        "integer" | "bigint" => Some(Kind::Integer),
        "boolean" => Some(Kind::Boolean),
        _ => None,
    }
}

/// The steps that were taken; none where there is no schema.
pub(super) async fn steps(transaction: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    if named_columns(transaction, STEPS).await?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT version FROM {STEPS} ORDER BY version");
    let rows = query(transaction, sql).await?;
    let steps = rows.iter().map(|row| row.try_get_by_index(0));
    steps.collect()
}

/// The fingerprint of the secrets that the database is bound to.
pub(super) async fn fingerprint(
    transaction: &DatabaseTransaction,
) -> Result<Option<String>, DbErr> {
    let sql = "SELECT secrets_fingerprint FROM installation".to_owned();
    let rows = query(transaction, sql).await?;
    let first = rows.first().map(|row| row.try_get_by_index(0));
    first.transpose()
}

/// How many rows a table has.
pub(super) async fn count(transaction: &DatabaseTransaction, table: &str) -> Result<u64, DbErr> {
    let sql = format!("SELECT COUNT(*) FROM {}", quoted(table));
    let rows = query(transaction, sql).await?;
    let count = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(i64::unsigned_abs(count))
}

async fn query(transaction: &DatabaseTransaction, sql: String) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_string(backend(transaction), sql);
    transaction.query_all_raw(statement).await
}

/// Which kind of database it is; two traits have a method that says so.
pub(super) fn backend(transaction: &DatabaseTransaction) -> DbBackend {
    transaction.get_database_backend()
}

/// Whether it is PostgreSQL.
pub(super) fn is_postgres(transaction: &DatabaseTransaction) -> bool {
    backend(transaction) == DbBackend::Postgres
}

impl From<DbErr> for BackupError {
    fn from(error: DbErr) -> Self {
        Self::Database(Said(error).into())
    }
}

//! How a database carries out a statement, once its tables are filled.

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr,
    QueryResult, Statement,
};
use serde_json::Value;

use crate::database::TestDatabase;

/// Tables that do not grow with what users do.
const SMALL: [&str; 3] = ["events", "installation", "seaql_migrations"];

/// The fewest rows that every other table is filled with.
const FILLED: i64 = 1_000;

/// Looks into a database beside the store that works on it.
pub struct Plans {
    connection: DatabaseConnection,
    is_postgres: bool,
}

impl Plans {
    /// Fills every table that can grow, as years of use would: 1,000 organizations, of which four (the first
    /// and the last among them) and the one that was there already have 2,000 users each, who have two of
    /// everything. Whatever is there stays, and is found as before.
    ///
    /// # Errors
    /// [`DbErr`] when the database fails, or has a table that is not filled here.
    pub async fn on_filled(database: &TestDatabase) -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new(database.url());
        // What is set for a session holds for what follows.
        options.max_connections(1);
        let connection = Database::connect(options).await?;
        let plans = Self {
            is_postgres: connection.get_database_backend() == DbBackend::Postgres,
            connection,
        };
        let bytes = if plans.is_postgres {
            "DECODE(MD5(RANDOM()::TEXT), 'hex')"
        } else {
            "RANDOMBLOB(16)"
        };
        for statement in filling(bytes) {
            plans.execute(&statement).await?;
        }
        if plans.is_postgres {
            plans.execute("ANALYZE").await?;
            // A server that runs for long plans for any parameters, not for those of one call.
            let generic = "SET plan_cache_mode = force_generic_plan";
            plans.execute(generic).await?;
            // As in the sessions of the store, where an index may be read from end to end instead.
            plans.execute("SET enable_bitmapscan = off").await?;
        }
        plans.require_filled().await?;
        Ok(plans)
    }

    /// Where a statement, as the store prepares it, reads a table that can grow from end to end: whether by
    /// itself, or, when it deletes rows, to see who refers to them.
    ///
    /// # Errors
    /// [`DbErr`] when the database fails, as for what is no statement that it can prepare.
    pub async fn scans(&self, statement: &str) -> Result<Vec<String>, DbErr> {
        let mut scans = if self.is_postgres {
            self.scans_on_postgres(statement).await?
        } else {
            self.scans_on_sqlite(statement).await?
        };
        if let Some(rest) = statement.strip_prefix("DELETE FROM ") {
            let table = rest.split(' ').next().unwrap_or_default();
            scans.extend(
                self.unindexed_references_to(table.trim_matches('"'))
                    .await?,
            );
        }
        Ok(scans)
    }

    async fn scans_on_sqlite(&self, statement: &str) -> Result<Vec<String>, DbErr> {
        let rows = self
            .query(&format!("EXPLAIN QUERY PLAN {statement}"))
            .await?;
        let mut scans = Vec::new();
        for row in rows {
            let step: String = row.try_get("", "detail")?;
            scans.extend(is_scan(&step).then_some(step));
        }
        Ok(scans)
    }

    async fn scans_on_postgres(&self, statement: &str) -> Result<Vec<String>, DbErr> {
        let prepare = format!("PREPARE looked_at AS {statement}");
        self.execute(&prepare).await?;
        let nothing = match parameters(statement) {
            0 => String::new(),
            number => format!("({})", vec!["NULL"; number].join(", ")),
        };
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE looked_at{nothing}");
        let rows = self.query(&explain).await?;
        self.execute("DEALLOCATE looked_at").await?;
        let mut scans = Vec::new();
        for row in rows {
            let plan: Value = row.try_get_by_index(0)?;
            collect_scans(&plan, &mut scans);
        }
        Ok(scans)
    }

    /// Tables whose rows refer to rows of that table, and have no index to be found by.
    async fn unindexed_references_to(&self, table: &str) -> Result<Vec<String>, DbErr> {
        let found = if self.is_postgres {
            format!(
                "SELECT c.conrelid::regclass::text FROM pg_constraint c \
                 WHERE c.contype = 'f' AND c.confrelid = '{table}'::regclass AND NOT EXISTS \
                 (SELECT 1 FROM pg_index i \
                 WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])"
            )
        } else {
            format!(
                "SELECT m.name FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
                 WHERE m.type = 'table' AND f.\"table\" = '{table}' AND NOT EXISTS \
                 (SELECT 1 FROM pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c \
                 WHERE c.seqno = 0 AND c.name = f.\"from\")"
            )
        };
        let found = self.query(&found).await?;
        found
            .iter()
            .map(|row| {
                let referring: String = row.try_get_by_index(0)?;
                Ok(format!("all of {referring}, which refers to {table}"))
            })
            .collect()
    }

    async fn require_filled(&self) -> Result<(), DbErr> {
        let tables = if self.is_postgres {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        };
        for row in self.query(tables).await? {
            let table: String = row.try_get_by_index(0)?;
            let counted = self.query(&format!("SELECT COUNT(*) FROM {table}")).await?;
            let rows = counted
                .first()
                .map(|row| row.try_get_by_index::<i64>(0))
                .transpose()?;
            if rows.is_none_or(|rows| rows < FILLED) && !SMALL.contains(&table.as_str()) {
                return Err(DbErr::Custom(format!("nothing fills the table {table}")));
            }
        }
        Ok(())
    }

    async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        self.connection
            .execute_unprepared(sql)
            .await
            .map(|_done| ())
    }

    async fn query(&self, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        self.connection.query_all_raw(statement).await
    }
}

/// How many parameters a statement for PostgreSQL has: `$1`, `$2` and so on.
fn parameters(statement: &str) -> usize {
    let numbers = statement.split('$').skip(1).filter_map(|rest| {
        let digits = rest.split(|symbol: char| !symbol.is_ascii_digit()).next()?;
        digits.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

/// Whether a step of SQLite's plan reads a table, or a whole index, from end to end.
fn is_scan(step: &str) -> bool {
    step.strip_prefix("SCAN ").is_some_and(|what| {
        let name = what.split(' ').next().unwrap_or_default();
        let is_table = !name.starts_with('(') && !what.contains("CONSTANT ROW");
        is_table && !SMALL.contains(&name)
    })
}

/// Notes the scans in a plan of PostgreSQL, wherever they stand in it.
fn collect_scans(plan: &Value, scans: &mut Vec<String>) {
    match plan {
        Value::Object(node) => {
            let text = |member: &str| node.get(member).and_then(Value::as_str).unwrap_or_default();
            let (kind, table) = (text("Node Type"), text("Relation Name"));
            let is_scan = match kind {
                "Seq Scan" => true,
                "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
                    !node.contains_key("Index Cond")
                }
                _ => false,
            };
            if is_scan && !SMALL.contains(&table) {
                scans.push(format!("{kind} {table}{}", text("Index Name")));
            }
            for part in node.values() {
                collect_scans(part, scans);
            }
        }
        Value::Array(parts) => {
            for part in parts {
                collect_scans(part, scans);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The statements that fill the tables, in SQL that both databases have; `bytes` draws 16.
fn filling(bytes: &str) -> [String; 12] {
    let numbers = |last: u32| {
        format!(
            "WITH RECURSIVE numbers(i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {last})"
        )
    };
    let (thousand, many, few) = (numbers(1_000), numbers(10_000), numbers(2));
    // Identifiers as they are, but for the digits: those of what is a user's differ in the first group.
    let of_users = "FROM users CROSS JOIN numbers WHERE users.id LIKE 'us-00000-%'";
    let id = |prefix: &str| format!("'{prefix}-0000' || i || SUBSTR(users.id, 9)");
    let (credential, code, account_code) = (id("cr"), id("cc"), id("ac"));
    let (session, spent, action, message) = (id("to"), id("ch"), id("ua"), id("ms"));
    let request = id("cq");
    [
        format!(
            "INSERT INTO organizations (id, name, is_active, created) {thousand} \
             SELECT 'or-00000-00000-' || (10000000000000 + i), 'Filled ' || i, TRUE, \
             2000000000000 + i FROM numbers"
        ),
        "INSERT INTO applications (id, organization_id, name, rp_id, is_active, created) \
         SELECT 'ap' || SUBSTR(id, 3), id, 'Filled', 'filled.example', TRUE, created \
         FROM organizations WHERE id LIKE 'or-00000-%'"
            .to_owned(),
        "INSERT INTO application_origins (organization_id, origin, application_id, position) \
         SELECT organization_id, 'https://filled.example', id, 0 \
         FROM applications WHERE id LIKE 'ap-00000-%'"
            .to_owned(),
        format!(
            "INSERT INTO application_logos (application_id, contents) \
             SELECT id, {bytes} FROM applications WHERE id LIKE 'ap-00000-%'"
        ),
        format!(
            "INSERT INTO users (id, organization_id, username, username_key, kind, is_active, \
             epoch, registered, created) {many} \
             SELECT 'us-00000-00000-' || (10000000000000 + i), \
             CASE WHEN i % 5 = 0 \
             THEN (SELECT id FROM organizations ORDER BY created, id LIMIT 1) \
             ELSE 'or-00000-00000-' || (10000000000001 + i % 4 * 333) END, \
             'filled' || i || '@example.com', 'filled' || i || '@example.com', 'EndUser', TRUE, \
             0, 2000000000000, 2000000000000 + i FROM numbers"
        ),
        format!(
            "INSERT INTO credentials (id, organization_id, user_id, credential_id, \
             credential_key, kind, name, public_key, made_by, made_from_address, is_active, \
             created) {few} \
             SELECT {credential}, users.organization_id, users.id, 'filled' || i || users.id, \
             'filled' || i || users.id, 'Key', 'Filled', {bytes}, 'registration', '127.0.0.1', \
             TRUE, users.created {of_users}"
        ),
        format!(
            "INSERT INTO credential_codes (id, organization_id, user_id, epoch, issuer, \
             session, short_digest, long_digest, issued, expires, state, is_newest) {few} \
             SELECT {code}, users.organization_id, users.id, 0, {credential}, {session}, {bytes}, \
             {bytes}, 0, 1, 'cancelled', i = 1 {of_users}"
        ),
        format!(
            "INSERT INTO code_requests (id, organization_id, address, kind, short_digest, \
             long_digest, opened, expires, state) {few} \
             SELECT {request}, users.organization_id, '127.0.0.1', 'Key', {bytes}, {bytes}, 0, 1, \
             'waiting' {of_users}"
        ),
        format!(
            "INSERT INTO account_codes (id, user_id, kind, digest, issued, expires) {few} \
             SELECT {account_code}, users.id, 'Registration', {bytes}, 0, 1 {of_users}"
        ),
        format!(
            "INSERT INTO spent (id, expires) {few} \
             SELECT {spent}, 2000000000000 {of_users}"
        ),
        format!(
            "INSERT INTO user_actions (id, organization_id, user_id, method, path, \
             payload_digest, nonce, credential, kind, public_key, client_data, signature, \
             signed_at) {few} \
             SELECT {action}, users.organization_id, users.id, 'POST', '/filled', {bytes}, \
             {bytes}, {credential}, 'Key', {bytes}, {bytes}, {bytes}, i {of_users}"
        ),
        // They have expired, so nobody reads them.
        format!(
            "INSERT INTO messages (id, user_id, kind, sealed, created, expires, due, attempts) \
             {few} \
             SELECT {message}, users.id, 'CredentialAdded', {bytes}, 0, 1, 0, 0 {of_users}"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn require_that_scans_are_seen(database: TestDatabase, parameter: &str) {
        let plans = Plans::on_filled(&database).await.unwrap();
        for by_an_index in [
            "SELECT name FROM organizations WHERE id = ?",
            "SELECT id FROM users WHERE organization_id = ? AND username_key = 'a'",
            "UPDATE users SET epoch = 1 WHERE id = ?",
            "DELETE FROM users WHERE id = ?",
            "DELETE FROM applications WHERE id = ?",
            "DELETE FROM installation WHERE slot <> ?",
        ] {
            let statement = by_an_index.replace('?', parameter);
            let scans = plans.scans(&statement).await.unwrap();
            assert_eq!(scans, [""; 0], "{statement}");
        }
        let unfound = "DROP INDEX ix_credentials_application_id";
        plans.execute(unfound).await.unwrap();
        for scanning in [
            "SELECT id FROM users WHERE kind = ?",
            "SELECT COUNT(*) FROM spent WHERE id <> ?",
            "UPDATE organizations SET name = 'a' WHERE name <> ?",
            "SELECT id FROM users WHERE id = (SELECT user_id FROM messages WHERE kind = ?)",
            // Nothing finds the passkeys of an application any more.
            "DELETE FROM applications WHERE id = ?",
        ] {
            let statement = scanning.replace('?', parameter);
            let scans = plans.scans(&statement).await.unwrap();
            assert!(!scans.is_empty(), "{statement}");
        }
    }

    #[tokio::test]
    async fn scans_are_seen_on_sqlite() {
        let database = TestDatabase::sqlite().await.unwrap();
        require_that_scans_are_seen(database, "?").await;
    }

    #[tokio::test]
    async fn scans_are_seen_on_postgres() {
        let database = TestDatabase::postgres().await.unwrap();
        require_that_scans_are_seen(database, "$1").await;
    }
}

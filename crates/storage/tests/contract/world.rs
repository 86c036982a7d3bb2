//! A fresh database with two stores on it, and looking into it past the ports.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use latchkey_domain::id::OrganizationId;
use latchkey_service::ports::Stores;
use latchkey_storage::{
    connect::connect,
    store::{SqlStore, Statements},
};
use latchkey_store_contract::{Adapter, World};
use latchkey_testkit::database::TestDatabase;
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement, TryGetable};

/// Makes of every listed case, a function that takes a fresh [`SqlWorld`], a test on SQLite and one on
/// PostgreSQL.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::world::SqlWorld::sqlite().await).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::world::SqlWorld::postgres().await).await;
                }
            )*
        }
    };
}

/// A fresh database.
#[derive(Clone)]
pub(crate) struct Sql {
    /// The store of the first replica.
    pub(crate) store: SqlStore,
    /// The database.
    pub(crate) database: Arc<TestDatabase>,
    is_first_taken: Arc<AtomicBool>,
}

impl Sql {
    pub(crate) async fn sqlite() -> Self {
        Self::on(TestDatabase::sqlite().await.unwrap().into()).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::on(TestDatabase::postgres().await.unwrap().into()).await
    }

    /// Connects to that database.
    pub(crate) async fn on(database: Arc<TestDatabase>) -> Self {
        Self {
            store: connect(database.url()).await.unwrap(),
            database,
            is_first_taken: Arc::default(),
        }
    }

    /// Runs a statement past the ports and gives how many rows it met.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let connection = self.store.connection();
        let done = connection.execute_unprepared(sql).await.unwrap();
        done.rows_affected()
    }

    /// Every row that a statement gives.
    pub(crate) async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let connection = self.store.connection();
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        connection.query_all_raw(statement).await.unwrap()
    }

    /// The one value of a statement.
    pub(crate) async fn ask<T: TryGetable>(&self, sql: &str) -> T {
        self.query(sql).await[0].try_get_by_index(0).unwrap()
    }

    /// The number of rows of a table, with a condition if need be.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        self.ask(&format!("SELECT COUNT(*) FROM {from}")).await
    }

    /// Whether the database is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.store.connection().get_database_backend() == DbBackend::Postgres
    }

    /// Every table that has a column of that name.
    pub(crate) async fn tables_with(&self, column: &str) -> Vec<String> {
        let rows = self
            .query(&if self.is_postgres() {
                format!(
                    "SELECT table_name::text FROM information_schema.columns \
                     WHERE table_schema = current_schema() AND column_name = '{column}'"
                )
            } else {
                format!(
                    "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                     WHERE m.type = 'table' AND c.name = '{column}'"
                )
            })
            .await;
        assert!(!rows.is_empty(), "{column}");
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// What ran on the first replica's store while `call` did.
    pub(crate) async fn cost<T>(&self, call: impl Future<Output = T>) -> Statements {
        let before = self.store.statements();
        call.await;
        let after = self.store.statements();
        Statements {
            reads: after.reads - before.reads,
            write_transactions: after.write_transactions - before.write_transactions,
            write_statements: after.write_statements - before.write_statements,
        }
    }
}

#[async_trait]
impl Adapter for Sql {
    async fn replica(&self) -> Stores {
        let store = if self.is_first_taken.swap(true, Ordering::Relaxed) {
            connect(self.database.url()).await.unwrap()
        } else {
            self.store.clone()
        };
        Stores::of(Arc::new(store))
    }

    async fn deactivate(&self, organization: &OrganizationId) {
        let sql = format!("UPDATE organizations SET is_active = FALSE WHERE id = '{organization}'");
        assert_eq!(self.execute(&sql).await, 1);
    }
}

/// The contract's people on a fresh database.
pub(crate) struct SqlWorld {
    /// The database.
    pub(crate) sql: Sql,
    people: World,
}

impl Deref for SqlWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.people
    }
}

impl SqlWorld {
    pub(crate) async fn sqlite() -> Self {
        Self::on(Sql::sqlite().await).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::on(Sql::postgres().await).await
    }

    /// Connects to a database once more.
    pub(crate) async fn again(database: Arc<TestDatabase>) -> Self {
        Self::on(Sql::on(database).await).await
    }

    async fn on(sql: Sql) -> Self {
        Self {
            people: World::new(sql.clone()).await,
            sql,
        }
    }
}

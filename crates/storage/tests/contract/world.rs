//! A fresh database with two stores on it, and looking into it past the ports.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use latchkey_domain::time::Timestamp;
use latchkey_storage::{connect::connect, store::SqlStore};
use latchkey_testkit::database::TestDatabase;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use tokio::{sync::Barrier, task::JoinSet};

/// Makes of every listed case a test on SQLite and one on PostgreSQL.
macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::world::World::sqlite().await).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::world::World::postgres().await).await;
                }
            )*
        }
    };
}

/// When most things happen.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_700_000_000_000);

/// How many callers come at once.
pub(crate) const CALLERS: usize = 32;

/// A fresh database.
pub(crate) struct World {
    /// The store under test.
    pub(crate) store: SqlStore,
    /// Another replica's store on the same database.
    pub(crate) other: SqlStore,
    /// The database.
    pub(crate) database: TestDatabase,
    drawn: AtomicU64,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        Self::on(TestDatabase::sqlite().unwrap()).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = tokio::task::spawn_blocking(TestDatabase::postgres)
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{error}"));
        Self::on(database).await
    }

    /// Connects to a database once more.
    pub(crate) async fn again(database: TestDatabase) -> Self {
        Self::on(database).await
    }

    async fn on(database: TestDatabase) -> Self {
        let store = connect(database.url()).await.unwrap();
        latchkey_migrations::up(store.connection()).await.unwrap();
        let other = connect(database.url()).await.unwrap();
        Self {
            store,
            other,
            database,
            drawn: AtomicU64::new(0),
        }
    }

    /// Thirty-two bytes that were not drawn before.
    pub(crate) fn draw(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let number = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        bytes[24..].copy_from_slice(&number.to_le_bytes());
        bytes
    }

    /// Whether the database is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.store.connection().get_database_backend() == DbBackend::Postgres
    }

    /// The stores of both replicas in turn.
    pub(crate) fn replica(&self, index: usize) -> SqlStore {
        if index.is_multiple_of(2) {
            self.store.clone()
        } else {
            self.other.clone()
        }
    }

    /// Runs a statement past the ports and gives how many rows it met.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        self.store
            .connection()
            .execute_unprepared(sql)
            .await
            .unwrap()
            .rows_affected()
    }

    /// Every table that has a column of that name.
    pub(crate) async fn tables_with(&self, column: &str) -> Vec<String> {
        let connection = self.store.connection();
        let sql = if self.is_postgres() {
            format!(
                "SELECT table_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND column_name = '{column}'"
            )
        } else {
            format!(
                "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND c.name = '{column}'"
            )
        };
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        assert!(!rows.is_empty(), "{column}");
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// The number of rows of a table, with a condition if need be.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        let connection = self.store.connection();
        let statement = Statement::from_string(
            connection.get_database_backend(),
            format!("SELECT COUNT(*) FROM {from}"),
        );
        connection
            .query_one_raw(statement)
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    }
}

/// Calls from [`CALLERS`] tasks, all of them at once, and gives every outcome.
pub(crate) async fn at_once<T, F, C>(call: C) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    C: Fn(usize) -> F,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut tasks = JoinSet::new();
    for index in 0..CALLERS {
        let barrier = Arc::clone(&barrier);
        let call = call(index);
        tasks.spawn(async move {
            barrier.wait().await;
            call.await
        });
    }
    tasks.join_all().await
}

/// How many calls succeeded.
pub(crate) fn successes<T, E>(outcomes: &[Result<T, E>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

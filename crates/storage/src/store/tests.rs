//! What becomes of failures. Each is made by a real database.

use std::{
    future::pending,
    pin::Pin,
    sync::{Mutex, atomic::AtomicU32},
    task::{Context, Waker},
    thread,
};

use latchkey_testkit::database::TestDatabase;
use sea_orm::{ConnectionTrait, Statement};
use tokio::{sync::Barrier, task::JoinSet};

use super::*;
use crate::connect::{ConnectOptions, connect};

mod at_once;
mod words;

/// Fails in these tests only where it must.
const LONG: Duration = Duration::from_mins(1);

/// Ends the connection it is sent on, as an administrator can.
const END_THIS_CONNECTION: &str = "SELECT pg_terminate_backend(pg_backend_pid())";

/// In the place of a statement: nothing comes of it.
const HANG: &str = "hang";

/// In the place of a statement: a defect.
const PANIC: &str = "panic";

/// Blocks the thread beyond a deadline of 300 ms, so that nobody else notices that it is over.
const OVERSLEEP: &str = "oversleep";

/// Keeps a row.
const KEEP: &str = "INSERT INTO kept VALUES (1)";

/// A database with a table `kept` of one column.
struct World {
    store: SqlStore,
    database: TestDatabase,
}

impl World {
    async fn on(database: TestDatabase, deadline: Duration) -> Self {
        let store = connect(ConnectOptions {
            deadline,
            ..ConnectOptions::new(database.url())
        });
        let store = store.await.unwrap();
        let create = "CREATE TABLE kept (number INTEGER)";
        store.connection().execute_unprepared(create).await.unwrap();
        Self { store, database }
    }

    async fn postgres(deadline: Duration) -> Self {
        Self::on(TestDatabase::empty_postgres().unwrap(), deadline).await
    }

    async fn sqlite(deadline: Duration) -> Self {
        Self::on(TestDatabase::empty_sqlite().unwrap(), deadline).await
    }

    /// Another process on the same database.
    async fn other(&self) -> SqlStore {
        connect(self.database.url()).await.unwrap()
    }

    /// How many rows there are.
    async fn kept(&self) -> i64 {
        Self::seen_by(&self.store).await
    }

    /// How many rows have that number.
    async fn kept_as(&self, number: i32) -> i64 {
        Self::count(&self.store, &format!("kept WHERE number = {number}")).await
    }

    /// How many rows that store sees.
    async fn seen_by(store: &SqlStore) -> i64 {
        Self::count(store, "kept").await
    }

    async fn count(store: &SqlStore, rows: &str) -> i64 {
        let connection = store.connection();
        let count = Statement::from_string(
            connection.get_database_backend(),
            format!("SELECT COUNT(*) FROM {rows}"),
        );
        let row = connection.query_one_raw(count).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Runs operations of these statements on SQLite, which all wait when the first of them begins.
    async fn all_at_once(
        &self,
        operations: &[&'static [&'static str]],
    ) -> Vec<Result<(), StoreError>> {
        let mut calls = Vec::new();
        let other = self.other().await;
        let lock = transaction::begin(&other.writer).await.unwrap();
        for &statements in operations {
            calls.push(self.begin_to_wait(statements));
        }
        lock.commit().await.unwrap();
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(call.await);
        }
        outcomes
    }

    /// An operation that waits for the one who writes, as long as another process does.
    fn begin_to_wait(
        &self,
        statements: &'static [&'static str],
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> {
        let store = self.store.clone();
        let mut call = Box::pin(async move {
            let operation = async move |tx: Transaction| {
                for statement in statements {
                    match *statement {
                        HANG => pending().await,
                        PANIC => panic!("as a defect would"),
                        OVERSLEEP => thread::sleep(Duration::from_millis(400)),
                        sql => run(&*tx, sql).await?,
                    }
                }
                Ok::<(), StoreError>(())
            };
            store.write(operation).await
        });
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        call
    }

    /// How many transactions are in the write-ahead log: its frames say where one ends (the file format of
    /// SQLite, §4.1).
    fn commits(&self) -> usize {
        let log = std::fs::read(format!("{}-wal", self.database.file())).unwrap();
        let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
        let page = usize::try_from(number(8)).unwrap();
        let frames = (32..log.len()).step_by(24 + page);
        frames.filter(|frame| number(frame + 4) != 0).count()
    }

    /// Writes a row and then runs the statements of that attempt; gives the outcome and how many attempts
    /// there were.
    async fn write(&self, attempts: &'static [&'static str]) -> (Result<(), StoreError>, u32) {
        let made = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&made);
        let outcome = self.store.write(async move |tx| {
            let attempt = counter.fetch_add(1, Ordering::Relaxed);
            run(&*tx, KEEP).await?;
            let index = usize::try_from(attempt).unwrap();
            run(&*tx, attempts[index.min(attempts.len() - 1)]).await
        });
        (outcome.await, made.load(Ordering::Relaxed))
    }
}

async fn run(connection: &impl ConnectionTrait, sql: &str) -> Result<(), StoreError> {
    let done = connection.execute_unprepared(sql).await;
    done.map(|_done| ()).map_err(StoreError::new)
}

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn what_passes_is_unavailable_and_everything_else_a_failure() {
    let world = World::postgres(LONG).await;
    for (code, passes) in [
        ("08000", true),
        ("08006", true),
        ("25006", true),
        ("25P03", true),
        ("40001", true),
        ("40P01", true),
        ("42501", true),
        ("42703", true),
        ("42P01", true),
        ("53100", true),
        ("53300", true),
        ("55P03", true),
        ("57014", true),
        ("57P01", true),
        ("57P02", true),
        ("57P03", true),
        ("57P04", true),
        ("58030", true),
        ("22003", false),
        ("23505", false),
        ("25001", false),
        ("28000", false),
        ("XX000", false),
    ] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        let sql = raise.clone();
        let written = world.store.write(async move |tx| run(&*tx, &sql).await);
        let written = written.await;
        let read = world
            .store
            .read(async move |reader| run(&reader, &raise).await);
        for outcome in [written, read.await] {
            assert!(outcome.is_err(), "{code}");
            assert_eq!(is_unavailable(&outcome), passes, "{code}: {outcome:?}");
        }
    }
    assert_eq!(world.kept().await, 0);
}

#[tokio::test]
async fn a_write_is_made_once_although_its_connection_is_lost() {
    let world = World::postgres(LONG).await;
    let (outcome, attempts) = world.write(&[END_THIS_CONNECTION, "SELECT 1"]).await;
    outcome.unwrap();
    assert_eq!((attempts, world.kept().await), (2, 1));
    let (outcome, attempts) = world.write(&[END_THIS_CONNECTION]).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!((attempts, world.kept().await), (2, 1));
}

/// It could have taken effect.
#[tokio::test]
async fn a_commit_is_never_tried_again() {
    let world = World::postgres(LONG).await;
    let connection = world.store.connection();
    for sql in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$",
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON kept \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        run(connection, sql).await.unwrap();
    }
    let (outcome, attempts) = world.write(&["SELECT 1"]).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!((attempts, world.kept().await), (1, 0));
}

#[tokio::test]
async fn what_is_wrong_with_a_statement_is_not_tried_again() {
    let world = World::postgres(LONG).await;
    let (outcome, attempts) = world.write(&["NONSENSE"]).await;
    assert!(matches!(outcome, Err(StoreError::Failed(_))), "{outcome:?}");
    assert_eq!((attempts, world.kept().await), (1, 0));
}

#[tokio::test]
async fn a_read_whose_connection_is_lost_gets_another_one() {
    let world = World::postgres(LONG).await;
    let attempts = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&attempts);
    let read =
        world.store.read(
            async move |reader| match counter.fetch_add(1, Ordering::Relaxed) {
                0 => run(&reader, END_THIS_CONNECTION).await,
                _ => run(&reader, "SELECT 1").await,
            },
        );
    read.await.unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn two_who_wait_for_each_other_both_succeed() {
    let world = World::postgres(LONG).await;
    let connection = world.store.connection();
    run(connection, "INSERT INTO kept VALUES (1), (2)")
        .await
        .unwrap();
    let have_locked = Arc::new(Barrier::new(2));
    let attempts = Arc::new(AtomicU32::new(0));
    let mut both = JoinSet::new();
    for (first, second) in [(1, 2), (2, 1)] {
        let (store, have_locked) = (world.store.clone(), Arc::clone(&have_locked));
        let attempts = Arc::clone(&attempts);
        both.spawn(async move {
            let lock = |number| format!("SELECT 1 FROM kept WHERE number = {number} FOR UPDATE");
            let (first, second) = (lock(first), lock(second));
            let write = store.write(async move |tx| {
                let attempt = attempts.fetch_add(1, Ordering::Relaxed);
                run(&*tx, &first).await?;
                if attempt < 2 {
                    have_locked.wait().await;
                }
                run(&*tx, &second).await
            });
            write.await
        });
    }
    for outcome in both.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
}

/// SQLite ends a transaction by itself when the disk is full; here the operation does. Whether it then fails
/// or is committed, what follows is not made inside of a transaction that nobody ends.
#[tokio::test]
async fn what_follows_a_transaction_that_could_not_be_ended_is_kept() {
    for goes_on in [false, true] {
        let world = World::sqlite(LONG).await;
        let ended = world.store.write(async move |tx| {
            run(&*tx, "ROLLBACK").await?;
            if goes_on {
                return Ok(());
            }
            run(&*tx, "NONSENSE").await
        });
        ended.await.unwrap_err();
        world.write(&["NONSENSE"]).await.0.unwrap_err();
        world.write(&["SELECT 1"]).await.0.unwrap();
        assert_eq!(World::seen_by(&world.other().await).await, 1, "{goes_on}");
    }
}

/// Whatever hangs, the connection is given back: SQLite has one that writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_end_fails_at_the_deadline_and_leaves_nothing() {
    let deadline = Duration::from_secs(1);
    for world in [
        World::sqlite(deadline).await,
        World::postgres(deadline).await,
    ] {
        let hanging = world.store.write::<(), StoreError, _>(async move |tx| {
            run(&*tx, KEEP).await?;
            pending().await
        });
        assert!(is_unavailable(&hanging.await));
        let hanging = world
            .store
            .read::<(), StoreError, _>(async |_reader| pending().await);
        assert!(is_unavailable(&hanging.await));
        let mut patience = 100_u32;
        while world.write(&["SELECT 1"]).await.0.is_err() {
            assert!(patience > 0, "the connection does not come back");
            patience -= 1;
        }
        assert_eq!(world.kept().await, 1);
    }
}

/// It may only have waited, or had much to ask: its own connection is asked whether it lives.
#[tokio::test]
async fn a_call_that_is_late_says_nothing_against_other_connections() {
    let world = World::postgres(Duration::from_secs(1)).await;
    let late = world
        .store
        .write::<(), StoreError, _>(async |_tx| pending().await);
    assert!(is_unavailable(&late.await));
    assert!(world.store.trust.covers(Duration::from_hours(1)));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server_and_costs_no_connection() {
    let world = World::postgres(Duration::from_secs(5)).await;
    let sleep = Statement::from_string(DbBackend::Postgres, "SELECT pg_sleep(60)");
    let writing = world.write(&["SELECT pg_sleep(60)"]);
    let ((written, attempts), read) = tokio::join!(writing, world.store.row(sleep));
    for cause in [written.unwrap_err(), read.unwrap_err()].map(|error| format!("{error:?}")) {
        assert!(cause.contains("statement timeout"), "{cause}");
    }
    assert_eq!((attempts, world.kept().await), (2, 0));
    assert!(world.store.trust.covers(Duration::from_hours(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_writes_to_is_not_available_until_it_has() {
    let world = World::sqlite(Duration::from_millis(500)).await;
    let other = world.other().await;
    let begun = transaction::run(other.writer.clone(), async move |tx| run(&*tx, KEEP).await);
    let (transaction, ()) = begun.await.unwrap();
    let (outcome, attempts) = world.write(&["SELECT 1"]).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(attempts, 0);
    transaction.commit().await.unwrap();
    let mut patience = 100_u32;
    while world.write(&["SELECT 1"]).await.0.is_err() {
        assert!(patience > 0, "the file does not become available");
        patience -= 1;
    }
    assert_eq!(world.kept().await, 2);
}

#[tokio::test]
async fn those_who_wait_are_committed_together_and_each_has_its_own_outcome() {
    let world = World::sqlite(LONG).await;
    let before = world.commits();
    let good: &[&str] = &[KEEP, KEEP];
    let refused: &[&str] = &[KEEP, "NONSENSE"];
    let operations = [good, refused].repeat(16);
    let outcomes = world.all_at_once(&operations).await;
    for (outcome, operation) in outcomes.iter().zip(operations) {
        assert_eq!(outcome.is_ok(), operation == good, "{outcome:?}");
    }
    assert_eq!(World::seen_by(&world.other().await).await, 32);
    let commits = world.commits() - before;
    assert!(commits < 16, "{commits}");
    assert_eq!(world.store.statements().write_transactions, 32);
}

/// Another connection sees it, which does not see what is not committed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_committed() {
    let world = World::sqlite(LONG).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, other) = (world.store.clone(), world.other().await);
        writers.spawn(async move {
            for number in 0..20 {
                let number = writer * 20 + number;
                let insert = format!("INSERT INTO kept VALUES ({number})");
                let written = store.write(async move |tx| run(&*tx, &insert).await);
                written.await.unwrap();
                let own = format!("SELECT 1 FROM kept WHERE number = {number}");
                let own = Statement::from_string(DbBackend::Sqlite, own);
                let seen = other.connection().query_one_raw(own).await.unwrap();
                assert!(seen.is_some(), "{number}");
            }
        });
    }
    writers.join_all().await;
    assert_eq!(world.kept().await, 160);
}

#[tokio::test]
async fn a_commit_that_fails_fails_all_that_is_in_it() {
    let world = World::sqlite(LONG).await;
    for sql in [
        "CREATE TABLE named (number INTEGER PRIMARY KEY)",
        "CREATE TABLE names (number INTEGER REFERENCES named DEFERRABLE INITIALLY DEFERRED)",
    ] {
        run(world.store.connection(), sql).await.unwrap();
    }
    let refused_by_the_commit: &[&str] = &["INSERT INTO names VALUES (1)"];
    let outcomes = world
        .all_at_once(&[&[KEEP], refused_by_the_commit, &["NONSENSE"]])
        .await;
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains("FOREIGN KEY"), "{cause}");
    }
    assert_eq!(world.store.statements().write_transactions, 3);
    world.write(&["SELECT 1"]).await.0.unwrap();
    assert_eq!(World::seen_by(&world.other().await).await, 1);
}

#[tokio::test]
async fn who_hangs_is_given_up_and_the_others_get_through() {
    let world = World::sqlite(Duration::from_secs(10)).await;
    let outcomes = world
        .all_at_once(&[&[KEEP], &[KEEP, HANG], &[KEEP, "NONSENSE"], &[KEEP]])
        .await;
    assert!(is_unavailable(&outcomes[1]), "{outcomes:?}");
    assert!(matches!(outcomes[2], Err(StoreError::Failed(_))));
    assert!(outcomes[0].is_ok() && outcomes[3].is_ok(), "{outcomes:?}");
    assert_eq!(World::seen_by(&world.other().await).await, 2);
}

#[tokio::test]
async fn an_operation_that_panics_takes_nothing_along() {
    let world = World::sqlite(LONG).await;
    let (keeps, panics): (&[&str], &[&str]) = (&[KEEP], &[KEEP, PANIC]);
    for operations in [[panics, keeps], [keeps, panics]] {
        let outcomes = world.all_at_once(&operations).await;
        for (outcome, operation) in outcomes.iter().zip(operations) {
            assert_eq!(outcome.is_ok(), !operation.contains(&PANIC), "{outcome:?}");
        }
    }
    assert_eq!(World::seen_by(&world.other().await).await, 2);
}

/// In the one who writes, outside of what catches the panic of an operation.
#[tokio::test]
async fn the_one_who_writes_begins_anew_after_a_panic() {
    struct PanicsWhenCopied(Option<StoreError>);
    impl PanicsWhenCopied {
        fn outcome(self) -> Result<(), StoreError> {
            self.0.map_or(Ok(()), Err)
        }
    }
    impl Clone for PanicsWhenCopied {
        fn clone(&self) -> Self {
            panic!("as a defect would")
        }
    }

    let world = World::sqlite(LONG).await;
    let defect = PanicsWhenCopied(None);
    let outcome = world.store.write(async move |_tx| defect.outcome());
    assert!(is_unavailable(&outcome.await));
    world.write(&["SELECT 1"]).await.0.unwrap();
    assert_eq!(World::seen_by(&world.other().await).await, 1);
}

/// As SQLite does when the disk is full. What was in it is lost, and nobody is told otherwise.
#[tokio::test]
async fn a_transaction_that_ends_by_itself_takes_all_along_and_no_more() {
    let ends: [&[&str]; 2] = [&["ROLLBACK"], &["ROLLBACK", "NONSENSE"]];
    for ends in ends {
        let world = World::sqlite(LONG).await;
        let outcomes = world.all_at_once(&[&[KEEP], ends]).await;
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        world.write(&["SELECT 1"]).await.0.unwrap();
        assert_eq!(World::seen_by(&world.other().await).await, 1);
    }
}

#[tokio::test]
async fn what_a_caller_who_goes_away_began_is_done() {
    let world = World::sqlite(LONG).await;
    let other = world.other().await;
    let lock = transaction::begin(&other.writer).await.unwrap();
    drop(world.begin_to_wait(&[KEEP]));
    lock.commit().await.unwrap();
    // They are served in the order of their coming.
    world.write(&["SELECT 1"]).await.0.unwrap();
    assert_eq!(World::seen_by(&other).await, 2);
}

#[tokio::test]
async fn what_ends_after_its_deadline_is_taken_back_and_says_so() {
    for others in [0, 1] {
        let world = World::sqlite(Duration::from_millis(300)).await;
        let other = world.other().await;
        let lock = transaction::begin(&other.writer).await.unwrap();
        let mut calls: Vec<_> = (0..others).map(|_| world.begin_to_wait(&[KEEP])).collect();
        calls.push(world.begin_to_wait(&[KEEP, OVERSLEEP]));
        lock.commit().await.unwrap();
        let late = calls.pop().unwrap();
        late.await.unwrap_err();
        // Whoever comes next waits until the former transaction has ended.
        let written = other.write(async move |tx| run(&*tx, KEEP).await);
        written.await.unwrap();
        assert_eq!(World::seen_by(&other).await, others + 1);
    }
}

#[tokio::test]
async fn whoever_watches_first_hears_of_statements_and_of_calls() {
    for world in [World::sqlite(LONG).await, World::postgres(LONG).await] {
        let heard: Arc<Mutex<Vec<Work>>> = Arc::default();
        let keep = Arc::clone(&heard);
        let told = move |work, _took| keep.lock().unwrap().push(work);
        world.store.watch(told);
        world
            .store
            .watch(|_work, _took| panic!("somebody watches already"));
        let read = world.store.read(async move |reader| {
            let one = Statement::from_string(reader.get_database_backend(), "SELECT 1");
            let read = reader.query_one_raw(one).await;
            read.map(|_row| ()).map_err(StoreError::new)
        });
        read.await.unwrap();
        let reading = std::mem::take(&mut *heard.lock().unwrap());
        assert!(reading.contains(&Work::Statement), "{reading:?}");
        assert_eq!(reading.last(), Some(&Work::Read));
        let (written, _attempts) = world.write(&[KEEP]).await;
        written.unwrap();
        let writing = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(writing.last(), Some(&Work::Write));
        assert!(!writing.contains(&Work::Read), "{writing:?}");
    }
}

#[tokio::test]
async fn it_is_told_where_connections_are_and_who_waits_for_one() {
    let world = World::sqlite(LONG).await;
    let readers = || world.store.pools()[0];
    let mut lent = Vec::new();
    for number in 1..=readers().most {
        lent.push(world.store.reader.lend().await.unwrap());
        assert_eq!((readers().lent, readers().free), (number, 0));
    }
    let mut waits = Box::pin(world.store.reader.lend());
    let polled = waits.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    assert_eq!(readers().waiting, 1);
    drop(waits);
    assert_eq!(readers().waiting, 0);
    for lent in lent {
        lent.give_back();
    }
    assert_eq!((readers().lent, readers().free), (0, readers().most));
    let names = |store: &SqlStore| -> Vec<_> {
        let pools = store.pools().into_iter();
        pools.map(|pool| pool.name).collect()
    };
    assert_eq!(names(&world.store), ["reader", "writer"]);
    let postgres = World::postgres(LONG).await;
    assert_eq!(names(&postgres.store), ["all"]);
}

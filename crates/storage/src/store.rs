//! The store: one reader, one writer, how long they may take and what becomes of their failures.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use latchkey_service::ports::store::StoreError;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, QueryResult, Statement};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument as _;

use crate::{
    connection::{Connections, Reader},
    failure::{Passing, retold},
    file::OpenFile,
    statement::{Step, at_once},
    transaction::{self, Transaction},
    trust::Trust,
    watch::Work,
};

pub use crate::connection::Pool;

use self::line::Line;

mod line;

/// Implements every store port. Cheap to clone; all clones share their connections.
#[derive(Clone, Debug)]
pub struct SqlStore {
    reader: Connections,
    writer: Connections,
    deadline: Duration,
    trust: Trust,
    counters: Arc<Counters>,
    /// Where operations wait for the writer, on SQLite. PostgreSQL has many that write, and makes groups of
    /// their commits by itself.
    line: Option<Line>,
    /// The file that is open, on SQLite.
    file: Option<OpenFile>,
}

/// How long whoever did not get a lock waits before the second try, so that the others have theirs by then: who
/// lost a deadlock and asks for the same locks at once may get them first, and lose again. Whoever got no connection
/// may have one that another has given back by then.
const COURTESY: Duration = Duration::from_millis(50);

/// Moves what was committed from the write-ahead log of SQLite into its file, as far as no reader needs what was
/// there before. It waits for nobody, and nobody waits for it; a connection that is for reading may do so too.
const MOVE_LOG: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The same for the last time, and empties the log if nobody reads or writes it: another process is not kept
/// waiting by one that ends.
const EMPTY_LOG: &str = "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)";

/// The database has said nothing until the deadline.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer in time")]
struct NoAnswer;

#[derive(Debug, Default)]
struct Counters {
    reads: Arc<AtomicU64>,
    write_transactions: AtomicU64,
}

/// How many statements a store ran since it was opened. The difference of two moments tells what a
/// call costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// Reads; each is one statement outside any transaction.
    pub reads: u64,
    /// Operations that may write. Each is a transaction; on SQLite those that wait at once share one, in
    /// which each can be taken back for itself.
    pub write_transactions: u64,
    /// Statements inside them, and those of migrations.
    pub write_statements: u64,
}

impl SqlStore {
    /// A store whose calls may take as long as `deadline`, on connections of the same terms; on SQLite, of this file.
    pub(crate) fn new(
        reader: Connections,
        writer: Connections,
        deadline: Duration,
        file: Option<OpenFile>,
    ) -> Self {
        let store = Self {
            trust: writer.terms().trust.clone(),
            reader,
            writer,
            deadline,
            counters: Arc::default(),
            line: None,
            file,
        };
        // The one that writes keeps a store without the line: it ends when nobody can ask it any more.
        let line = (store.backend() == DbBackend::Sqlite).then(|| Line::before(store.clone()));
        Self { line, ..store }
    }

    /// A connection that writes, for migrations.
    pub fn connection(&self) -> &DatabaseConnection {
        self.writer.pool()
    }

    /// Which of the two databases it works on.
    pub(crate) fn backend(&self) -> DbBackend {
        self.connection().get_database_backend()
    }

    /// The file that is open, on SQLite.
    pub(crate) const fn file(&self) -> Option<&OpenFile> {
        self.file.as_ref()
    }

    /// How many statements ran so far.
    pub fn statements(&self) -> Statements {
        let all = self.writer.terms().statements.load(Ordering::Relaxed);
        let reads = self.counters.reads.load(Ordering::Relaxed);
        Statements {
            reads,
            write_transactions: self.counters.write_transactions.load(Ordering::Relaxed),
            write_statements: all.saturating_sub(reads),
        }
    }

    /// Where its connections are now.
    pub fn pools(&self) -> Vec<Pool> {
        if self.reader.are(&self.writer) {
            return vec![self.writer.look("all")];
        }
        vec![self.reader.look("reader"), self.writer.look("writer")]
    }

    /// Lets somebody hear how long each piece of work takes. One can, for as long as the store is there: whoever
    /// came first. What hears is on the way of the work, so it must return at once.
    pub fn watch(&self, watcher: impl Fn(Work, Duration) + Send + Sync + 'static) {
        self.writer.terms().watch.begin(Box::new(watcher));
    }

    /// Which database it works on, as OpenTelemetry calls it.
    pub fn system(&self) -> &'static str {
        if self.backend() == DbBackend::Sqlite {
            "sqlite"
        } else {
            "postgresql"
        }
    }

    /// Waits for what is under way and closes all connections. On SQLite all data is in the one file then, unless
    /// another process keeps it from there.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await?;
        if self.line.is_some()
            && let Err(error) = empty_log(&self.writer).await
        {
            // It is all there, in the log.
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(%error, cause, "the write-ahead log could not be moved into the database file");
        }
        self.writer.close().await
    }

    /// Moves what was committed into the file of SQLite, beside whatever else goes on.
    async fn move_log(self) {
        // A store that is being closed does so itself.
        if let Err(error) = self.reader.move_log(MOVE_LOG).await {
            let cause = error.source().map(ToString::to_string);
            tracing::debug!(%error, cause, "the write-ahead log could not be moved into the database file");
        }
    }

    /// Runs a query: once more, on a fresh connection, when it meets a failure that passes.
    ///
    /// # Errors
    /// What the query gave; [`StoreError::Unavailable`] in place of a failure that passes, and at the
    /// deadline.
    pub(crate) async fn read<T, E, F>(
        &self,
        query: impl FnOnce(Reader) -> F + Clone + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: Error + From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let attempt = move || {
            let query = query.clone();
            async move {
                let lent = self.reader.lend().await?;
                let outcome = query(Reader::on(&lent, &self.counters.reads)).await;
                lent.give_back_after(outcome.as_ref().err());
                outcome
            }
        };
        let began = Instant::now();
        let outcome = self.until(began + self.deadline, attempt).await;
        self.tell(Work::Read, began);
        outcome
    }

    /// The rows of a statement that reads.
    ///
    /// # Errors
    /// As those of [`SqlStore::read`].
    pub(crate) async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, StoreError> {
        self.read(async move |reader| {
            let rows = reader.query_all_raw(statement).await;
            rows.map_err(StoreError::new)
        })
        .await
    }

    /// The row of a statement that reads one at most.
    ///
    /// # Errors
    /// As those of [`SqlStore::read`].
    pub(crate) async fn row(
        &self,
        statement: Statement,
    ) -> Result<Option<QueryResult>, StoreError> {
        self.read(async move |reader| {
            let row = reader.query_one_raw(statement).await;
            row.map_err(StoreError::new)
        })
        .await
    }

    /// Carries steps out that are everything a call does, all of them or none. PostgreSQL is told them as one
    /// statement, which needs no transaction around it. When they do nothing, because one of them meets no row
    /// or somebody is in the way, the operation does the same in a transaction and tells why not; so it does on
    /// SQLite, where operations share transactions. When the connection is lost nobody knows whether the
    /// statement took effect, so it is not repeated; a connection that was not used just now has to show that it
    /// lives before it is told.
    ///
    /// What plans the steps, and what the call gives when they are done, may ask the database first; the steps
    /// must then require that the answer still holds.
    ///
    /// # Errors
    /// As those of [`SqlStore::write`].
    pub(crate) async fn write_at_once<T, E, P, F>(
        &self,
        plan: impl FnOnce(Transaction) -> P + Send + 'static,
        operation: impl FnOnce(Transaction) -> F + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<StoreError> + Send + 'static,
        P: Future<Output = Result<(Vec<Step>, T), E>> + Send,
        F: Future<Output = Result<T, E>> + Send,
    {
        let began = Instant::now();
        let ends = began + self.deadline;
        let outcome = async {
            if self.line.is_none()
                && let Some(done) = self.done_at_once(plan, ends).await?
            {
                return Ok(done);
            }
            self.write_until(ends, operation).await
        };
        let outcome = outcome.await;
        self.tell(Work::Write, began);
        outcome
    }

    /// Makes a change that is all that a call does, and must meet a row.
    ///
    /// # Errors
    /// As those of [`SqlStore::write`]; `lost` when it meets none.
    pub(crate) async fn meet_one_at_once<E>(&self, change: Step, lost: fn() -> E) -> Result<(), E>
    where
        E: Error + From<StoreError> + Send + 'static,
    {
        let own = change.clone();
        let plan = async move |_tx| Ok((vec![own], ()));
        let operation = async move |tx: Transaction| {
            let is_met = change.meets_one(&tx).await?;
            is_met.then_some(()).ok_or_else(lost)
        };
        self.write_at_once(plan, operation).await
    }

    /// What a call gives when its steps have been carried out. They run in a task for the reason that operations
    /// do.
    async fn done_at_once<T, E, P>(
        &self,
        plan: impl FnOnce(Transaction) -> P + Send + 'static,
        ends: Instant,
    ) -> Result<Option<T>, E>
    where
        T: Send + 'static,
        E: Error + From<StoreError> + Send + 'static,
        P: Future<Output = Result<(Vec<Step>, T), E>> + Send,
    {
        let store = self.clone();
        let task = async move {
            store.count_transaction();
            // Until the steps are told, nothing is done that the transaction could do again.
            let otherwise = |error: E| match store.told(error) {
                (Some(Passing::Exhaustion | Passing::Schema | Passing::Damage) | None, error) => {
                    Err(error)
                }
                (Some(_), _error) => Ok(None),
            };
            let preparing = async {
                let lent = store.writer.lend().await?;
                lent.must_live().await?;
                match plan(Arc::clone(lent.connection())).await {
                    Ok(planned) => Ok((lent, planned)),
                    Err(error) => {
                        lent.give_back_after(Some(&error));
                        Err(error)
                    }
                }
            };
            let (lent, (steps, done)) = match unless_late(ends, preparing).await {
                Ok(prepared) => prepared,
                Err(error) => return otherwise(error),
            };
            let telling = async {
                let outcome = at_once(&**lent.connection(), steps).await;
                lent.give_back_after(outcome.as_ref().err());
                outcome.map_err(E::from)
            };
            match unless_late(ends, telling).await {
                Ok(are_done) => Ok(are_done.then_some(done)),
                Err(error) => match store.told(error) {
                    (Some(Passing::Contention | Passing::ReadOnly), _error) => Ok(None),
                    (_, error) => Err(error),
                },
            }
        };
        let ended = tokio::spawn(task.in_current_span()).await;
        ended.map_err(StoreError::new)?
    }

    /// Runs an operation in a write transaction: commits what it changed when it gives `Ok`, takes it
    /// back when it gives `Err`. When it meets a failure that passes it runs once more, in a transaction on
    /// a fresh connection; a commit that was sent is never repeated, since nobody knows what came of it.
    /// All of it runs in another task than the caller's, because a caller who goes away during a commit would
    /// leave it with an outcome that nobody knows.
    ///
    /// # Errors
    /// What the operation gave, or [`StoreError`] when the transaction cannot begin or end;
    /// [`StoreError::Unavailable`] in place of a failure that passes, and at the deadline.
    pub(crate) async fn write<T, E, F>(
        &self,
        operation: impl FnOnce(Transaction) -> F + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let began = Instant::now();
        let outcome = self.write_until(began + self.deadline, operation).await;
        self.tell(Work::Write, began);
        outcome
    }

    async fn write_until<T, E, F>(
        &self,
        ends: Instant,
        operation: impl FnOnce(Transaction) -> F + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        if let Some(line) = &self.line {
            return line.wait(operation, ends).await;
        }
        let store = self.clone();
        let task = async move {
            let own = store.clone();
            let attempt = move || {
                own.count_transaction();
                transaction::run(own.writer.clone(), operation.clone())
            };
            let (transaction, value) = store.until(ends, attempt).await?;
            // Whoever asked has been answered at the deadline; the connection is given back all the same.
            let committed = unless_late(ends + store.deadline, transaction.commit());
            committed.await.map_err(|error| store.told(error).1)?;
            Ok::<T, E>(value)
        };
        match timeout_at(ends, tokio::spawn(task.in_current_span())).await {
            Ok(ended) => ended.map_err(StoreError::new)?,
            Err(_late) => Err(StoreError::unavailable(NoAnswer).into()),
        }
    }

    /// Runs, outside of any transaction, an operation that changes something in one statement, may read, and may be run
    /// again when the change has taken effect and nobody knows: once more, on a fresh connection, when it meets a
    /// failure that passes. It runs in another task for the reason that operations do.
    ///
    /// # Errors
    /// As those of [`SqlStore::write`].
    pub(crate) async fn write_repeatably<T, E, F>(
        &self,
        operation: impl FnOnce(Reader) -> F + Clone + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let began = Instant::now();
        let store = self.clone();
        let task = async move {
            let attempt = || {
                let operation = operation.clone();
                async {
                    store.count_transaction();
                    let lent = store.writer.lend().await?;
                    // What it tells is no read, and is counted with what is written.
                    let outcome = operation(Reader::on(&lent, &Arc::default())).await;
                    lent.give_back_after(outcome.as_ref().err());
                    outcome
                }
            };
            store.until(began + store.deadline, attempt).await
        };
        let ended = tokio::spawn(task.in_current_span()).await;
        self.tell(Work::Write, began);
        ended.map_err(StoreError::new)?
    }

    fn tell(&self, work: Work, began: Instant) {
        self.writer.terms().watch.tell(work, began.elapsed());
    }

    fn count_transaction(&self) {
        let made = &self.counters.write_transactions;
        made.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes an attempt, and another one when the first meets a failure that passes. While a database is
    /// read-only that is a second later at most, so that its connections are not thrown away continually.
    async fn until<T, E, F>(&self, ends: Instant, attempt: impl Fn() -> F + Send) -> Result<T, E>
    where
        T: Send,
        E: Error + From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let began = Instant::now();
        let first = unless_late(ends, attempt()).await;
        let (passing, error) = match first.map_err(|error| self.told(error)) {
            Ok(value) => return Ok(value),
            Err(told) => told,
        };
        let may_be_better = match passing {
            Some(Passing::Broken | Passing::Silent) => true,
            Some(Passing::NotMade | Passing::Contention) => {
                sleep_until((Instant::now() + COURTESY).min(ends)).await;
                true
            }
            Some(Passing::ReadOnly) => self.trust.renew(began, ends).await,
            Some(Passing::Exhaustion | Passing::Schema | Passing::Damage) | None => false,
        };
        if !may_be_better {
            return Err(error);
        }
        tracing::debug!(%error, "trying once more");
        let second = unless_late(ends, attempt()).await;
        second.map_err(|error| self.told(error).1)
    }

    /// What callers are told of an error, and whether and how it passes.
    fn told<E>(&self, error: E) -> (Option<Passing>, E)
    where
        E: Error + From<StoreError> + 'static,
    {
        let Some((passing, told)) = Passing::of(&error) else {
            let told = retold(&error);
            return (None, told.map_or(error, E::from));
        };
        match passing {
            Passing::Broken => self.trust.lose(),
            Passing::Silent => self.trust.lose_after(self.writer.terms().patience),
            Passing::Damage => {
                if let Some(file) = &self.file {
                    file.note_damage();
                }
            }
            Passing::NotMade
            | Passing::ReadOnly
            | Passing::Contention
            | Passing::Exhaustion
            | Passing::Schema => {}
        }
        (Some(passing), told.into())
    }
}

/// Waits for an attempt, but no longer than to this moment. Then it is dropped, and the pool finds out whether its
/// connection is only slow: what waits for a place, or has much to ask, says nothing against any connection.
async fn unless_late<T, E: From<StoreError>>(
    ends: Instant,
    attempt: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let ended = timeout_at(ends, attempt).await;
    ended.unwrap_or_else(|_late| Err(StoreError::unavailable(NoAnswer).into()))
}

/// Moves all that was committed into the file of SQLite. What the first step moves is in nobody's way; the second
/// one, which has little left to do, holds the lock of those who write.
async fn empty_log(writer: &Connections) -> Result<(), StoreError> {
    writer.move_log(MOVE_LOG).await?;
    writer.move_log(EMPTY_LOG).await
}

/// How long one statement, one lock, and on SQLite one operation may take of a call's deadline: two fifths, so
/// that what is slow can be told from what hangs, and there is room for a second try.
pub(crate) fn patience(deadline: Duration) -> Duration {
    deadline * 2 / 5
}

#[cfg(test)]
mod tests;

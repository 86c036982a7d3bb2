//! Connections that are lent, and kept in between.
//!
//! sqlx's pool asks each connection that is given back whether it lives: a round trip to PostgreSQL, or to a
//! thread of SQLite, and as dear as a read. So here the pool only makes connections and ends them. What sea-orm
//! has for one connection is a transaction; each of these was ended as soon as it had begun, and what begins and
//! ends transactions on its connection is [`crate::transaction`].

use std::{
    convert::Infallible,
    error::Error,
    future::pending,
    io, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, QueryResult, RuntimeErr, Statement, TransactionTrait as _,
    sqlx::{self, ConnectOptions as _, Connection as _},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use crate::{
    failure::{NotMade, Passing, reason},
    trust::Trust,
    watch::{Watch, Work},
};

/// How long a connection is kept: the longer it is, the more memory it takes of a server, and the longer a
/// server that was replaced is missed.
const LIFE: Duration = Duration::from_mins(30);

/// How much longer one is kept when no other is made in its place at once.
const RESPITE: Duration = Duration::from_mins(1);

/// How long whoever gets an old one waits for another in its place.
const AT_ONCE: Duration = Duration::from_millis(50);

/// For how long one that has just been used is taken to live without being asked.
const FRESH: Duration = Duration::from_millis(200);

/// What all connections of a store have in common.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Which of them may be used.
    pub(crate) trust: Trust,
    /// How long to wait for one.
    pub(crate) patience: Duration,
    /// How many statements ran on them.
    pub(crate) statements: Arc<AtomicU64>,
    /// Hears how long they took.
    pub(crate) watch: Watch,
}

/// Connections of a kind. Clones lend the same.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: DatabaseConnection,
    terms: Terms,
    /// How many can be lent at once.
    most: usize,
    free: Arc<Semaphore>,
    /// How many callers wait for one.
    waiting: AtomicUsize,
    kept: Mutex<Vec<Kept>>,
    /// How many are kept, for those who wait for one in turn.
    ready: Semaphore,
    /// How many more may be in the making.
    making: Arc<Semaphore>,
    /// Why the last one that was to be made was not.
    not_made: Mutex<Option<String>>,
    /// Who finds that out.
    asking: Semaphore,
}

/// Where the connections of a kind are, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What they are for: `reader` or `writer`; `all` where they are for both.
    pub name: &'static str,
    /// How many can be lent at once.
    pub most: usize,
    /// How many are lent.
    pub lent: usize,
    /// How many are open and not lent.
    pub free: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

/// A caller who waits for a connection.
struct Waiting<'shared>(&'shared AtomicUsize);

impl<'shared> Waiting<'shared> {
    fn among(all: &'shared AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Kept {
    connection: Arc<DatabaseTransaction>,
    made: Instant,
    /// At what age another one is to take its place.
    life: Duration,
    /// When it was used last.
    used: Instant,
}

impl Connections {
    /// Lends at most so many of the pool, which must allow for one more: it is for migrations, and for one that
    /// takes the place of another.
    pub(crate) fn new(mut pool: DatabaseConnection, most: u32, terms: Terms) -> Self {
        let counter = Arc::clone(&terms.statements);
        let watch = terms.watch.clone();
        pool.set_metric_callback(move |ran| {
            // The text alone, never the values in it.
            tracing::trace!(sql = ran.statement.sql.as_str(), "ran");
            counter.fetch_add(1, Ordering::Relaxed);
            watch.tell(Work::Statement, ran.elapsed);
        });
        let most = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            pool,
            terms,
            most,
            free: Arc::new(Semaphore::new(most)),
            waiting: AtomicUsize::new(0),
            kept: Mutex::default(),
            ready: Semaphore::new(0),
            making: Arc::new(Semaphore::new(most)),
            not_made: Mutex::default(),
            asking: Semaphore::new(1),
        }))
    }

    /// What makes them.
    pub(crate) fn pool(&self) -> &DatabaseConnection {
        &self.0.pool
    }

    /// What they have in common with others.
    pub(crate) fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// Whether these are the same as others.
    pub(crate) fn are(&self, others: &Self) -> bool {
        Arc::ptr_eq(&self.0, &others.0)
    }

    /// Where they are now.
    pub(crate) fn look(&self, name: &'static str) -> Pool {
        let lent = self.0.most.saturating_sub(self.0.free.available_permits());
        Pool {
            name,
            most: self.0.most,
            lent,
            free: self.kept().len(),
            waiting: self.0.waiting.load(Ordering::Relaxed),
        }
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// [`StoreError`] when none is free in time, or none can be made.
    pub(crate) async fn lend(&self) -> Result<Lent, StoreError> {
        let free = Arc::clone(&self.0.free).acquire_owned();
        let waiting = Waiting::among(&self.0.waiting);
        let place = match timeout(self.0.terms.patience, free).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(ConnAcquireErr::ConnectionClosed),
            Err(_late) => Err(ConnAcquireErr::Timeout),
        };
        drop(waiting);
        let place = place.map_err(|cause| self.none(cause))?;
        let kept = tokio::select! {
            biased;
            kept = self.given_back() => kept,
            made = self.made() => made?,
        };
        let kept = if kept.made.elapsed() < kept.life {
            kept
        } else {
            self.renewed(kept).await
        };
        Ok(Lent {
            kept,
            home: self.clone(),
            _place: place,
        })
    }

    /// One that was given back and is trusted; those that are not are ended.
    async fn given_back(&self) -> Kept {
        loop {
            match self.0.ready.acquire().await {
                Ok(one) => one.forget(),
                // It is never closed.
                Err(_closed) => pending().await,
            }
            let kept = self.kept().pop();
            if let Some(kept) = kept.filter(|kept| self.is_trusted(kept)) {
                return kept;
            }
        }
    }

    fn is_trusted(&self, kept: &Kept) -> bool {
        self.0.terms.trust.covers(kept.made.elapsed())
    }

    /// One that is made for this. It is made to the end whether or not anybody still waits for it, since a server
    /// has half of the work with one that is given up; then it is in the pool, for the next who asks.
    async fn made(&self) -> Result<Kept, StoreError> {
        let making = Arc::clone(&self.0.making).acquire_owned().await;
        let making = making.map_err(StoreError::new)?;
        let connections = self.clone();
        // The pool keeps to the first, and each of two statements may take as long.
        let ends = self.0.terms.patience * 3;
        let made = tokio::spawn(async move {
            let made = timeout(ends, connections.make()).await;
            drop(making);
            made.unwrap_or_else(|_late| Err(connections.none(ConnAcquireErr::Timeout)))
        });
        made.await.map_err(StoreError::new)?
    }

    /// Another one in the place of an old one, which goes on for a while where none is made at once.
    async fn renewed(&self, old: Kept) -> Kept {
        match timeout(AT_ONCE, self.made()).await {
            Ok(Ok(made)) => {
                let connections = self.clone();
                tokio::spawn(async move { connections.end(old).await });
                made
            }
            late_or_failed => {
                tracing::debug!(?late_or_failed, "a connection is kept beyond its time");
                let life = old.made.elapsed() + RESPITE;
                Kept { life, ..old }
            }
        }
    }

    /// Ends one that is trusted. sea-orm rolls back what it drops, and a database warns of that where there is
    /// no transaction.
    async fn end(&self, kept: Kept) {
        let begun = kept.connection.execute_unprepared("BEGIN");
        let patience = self.0.terms.patience;
        if timeout(patience, begun).await.is_err() {
            // Whoever ends them all waits for one only.
            self.0.terms.trust.lose_after(patience);
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "it is the connection that is wanted, and the transaction is ended at once"
    )]
    async fn make(&self) -> Result<Kept, StoreError> {
        let made = Instant::now();
        let beginning = self.0.pool.begin();
        let asking = Box::pin(self.find_out_why_not());
        let begun = tokio::select! {
            biased;
            begun = beginning => begun,
            never = asking => match never {},
        };
        let connection = begun.map_err(|error| self.failed(error))?;
        self.note(None);
        let ended = connection.execute_unprepared("COMMIT").await;
        ended.map_err(StoreError::new)?;
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        Ok(Kept {
            connection: Arc::new(connection),
            made,
            // There is no server that could be replaced.
            life: if is_postgres { LIFE } else { Duration::MAX },
            used: Instant::now(),
        })
    }

    /// Finds out why a connection is not made, when that takes long: where a port refuses, or a server has no room,
    /// the pool tries again and again, and in the end says no more than that it took too long. One asks for all.
    async fn find_out_why_not(&self) -> Infallible {
        if self.0.pool.get_database_backend() != DbBackend::Postgres {
            return pending().await;
        }
        sleep(self.0.terms.patience / 2).await;
        if let Ok(_turn) = self.0.asking.try_acquire() {
            self.note(Some("it does not answer".to_owned()));
            let pool = self.0.pool.get_postgres_connection_pool();
            let reason = match pool.connect_options().connect().await {
                Ok(connection) => {
                    drop(connection.close().await);
                    None
                }
                Err(error) => Some(reason(&error)),
            };
            self.note(reason);
        }
        pending().await
    }

    fn note(&self, reason: Option<String>) {
        *self.not_made() = reason;
    }

    fn not_made(&self) -> MutexGuard<'_, Option<String>> {
        let noted = self.0.not_made.lock();
        noted.unwrap_or_else(PoisonError::into_inner)
    }

    /// What a caller is told when none is made.
    fn failed(&self, error: DbErr) -> StoreError {
        if let DbErr::ConnectionAcquire(cause) = error {
            self.none(cause)
        } else if let DbErr::Conn(RuntimeErr::SqlxError(cause)) = &error {
            let said = reason(cause);
            self.note(Some(said.clone()));
            StoreError::unavailable(NotMade(said))
        } else {
            StoreError::new(error)
        }
    }

    /// What a caller is told who has waited in vain for one: why the last one was not made, if that is it and not that
    /// all are lent. As words and no more, since after that wait there is no second try.
    fn none(&self, cause: ConnAcquireErr) -> StoreError {
        let is_making = self.0.making.available_permits() < self.0.most;
        let reason = self.not_made().clone().filter(|_reason| is_making);
        match (cause, reason) {
            (ConnAcquireErr::Timeout, Some(reason)) => {
                StoreError::unavailable(NotMade(reason).to_string())
            }
            (cause, _) => StoreError::new(DbErr::ConnectionAcquire(cause)),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what was committed from the write-ahead log of SQLite into its file, by a statement that does so.
    ///
    /// # Errors
    /// [`StoreError`] when there is no connection, or the database fails.
    pub(crate) async fn move_log(&self, statement: &str) -> Result<(), StoreError> {
        let lent = self.lend().await?;
        let moved = lent.connection().execute_unprepared(statement).await;
        lent.give_back_after(moved.as_ref().err());
        moved.map(|_done| ()).map_err(StoreError::new)
    }

    /// Waits for what is under way and ends all connections.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        self.0.free.close();
        let kept = mem::take(&mut *self.kept());
        for kept in kept {
            if self.is_trusted(&kept) {
                self.end(kept).await;
            }
        }
        self.0.pool.close_by_ref().await.map_err(StoreError::new)
    }
}

/// A connection that is lent. It is given back on purpose, when what ran on it is over; when it is dropped, as
/// with a read whose caller went away or a call that is late, it goes to the pool, which makes it good or ends it.
#[derive(Debug)]
pub(crate) struct Lent {
    kept: Kept,
    home: Connections,
    _place: OwnedSemaphorePermit,
}

impl Lent {
    /// The connection itself.
    pub(crate) const fn connection(&self) -> &Arc<DatabaseTransaction> {
        &self.kept.connection
    }

    /// Which connections may be used.
    pub(crate) fn trust(&self) -> &Trust {
        &self.home.0.terms.trust
    }

    /// Whether whoever it was lent to has let go of it.
    pub(crate) fn is_let_go(&self) -> bool {
        Arc::strong_count(&self.kept.connection) == 1
    }

    /// Asks it whether it lives, unless it was used just now: before a statement that will not be repeated.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub(crate) async fn must_live(&self) -> Result<(), StoreError> {
        if self.kept.used.elapsed() < FRESH {
            return Ok(());
        }
        let lives = self.execute("SELECT 1").await;
        lives.map_err(StoreError::new)
    }

    /// Runs a statement that nothing has been done before, and that may be run again elsewhere.
    ///
    /// # Errors
    /// [`DbErr`] when it fails, or the server is silent.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        let terms = &self.home.0.terms;
        let executed = self.connection().execute_unprepared(sql);
        let executed = heard(self.connection(), terms.patience, executed).await;
        executed.map(|_done| ())
    }

    /// Gives it back after what may have failed, unless it broke: nobody may take that for one that was used just
    /// now.
    pub(crate) fn give_back_after<E: Error + 'static>(self, failure: Option<&E>) {
        if !failure.is_some_and(|error| Passing::is_broken(error)) {
            self.give_back();
        }
    }

    /// Gives it back.
    pub(crate) fn give_back(self) {
        let mut kept = self.home.kept();
        if !self.home.0.free.is_closed() {
            // The one that was made first is lent first, so that none is kept for longer than it may be.
            let place = kept.partition_point(|other| other.made > self.kept.made);
            let used = Instant::now();
            kept.insert(place, Kept { used, ..self.kept });
            self.home.0.ready.add_permits(1);
        }
    }
}

/// Waits for what a statement on that connection gives. PostgreSQL itself ends a statement that takes longer than
/// the patience, and says so; the way to it and back has a quarter of that besides. So whoever is silent for
/// longer is not slow but gone, as a server behind a way that has changed, and what one connection has met is likely
/// to have met the others: [`Passing::Silent`].
async fn heard<T>(
    connection: &DatabaseTransaction,
    patience: Duration,
    statement: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return statement.await;
    }
    let heard = timeout(patience * 5 / 4, statement).await;
    heard.unwrap_or_else(|_silent| {
        let silent = sqlx::Error::Io(io::ErrorKind::TimedOut.into());
        Err(DbErr::Query(RuntimeErr::SqlxError(silent.into())))
    })
}

/// A connection that reads, or is told what may be told again: one statement at a time and outside of any transaction.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    connection: Arc<DatabaseTransaction>,
    patience: Duration,
    reads: Arc<AtomicU64>,
}

impl Reader {
    /// Reads on a lent connection, and counts.
    pub(crate) fn on(lent: &Lent, reads: &Arc<AtomicU64>) -> Self {
        Self {
            connection: Arc::clone(lent.connection()),
            patience: lent.home.0.terms.patience,
            reads: Arc::clone(reads),
        }
    }

    /// Waits for a statement, and counts it.
    async fn read<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let read = heard(&self.connection, self.patience, statement).await;
        self.reads.fetch_add(1, Ordering::Relaxed);
        read
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.read(self.connection.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.read(self.connection.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.read(self.connection.query_all_raw(statement)).await
    }
}

#[cfg(test)]
mod tests;

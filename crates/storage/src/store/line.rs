//! Group commit, for SQLite: its one writer takes the operations that wait, runs them one after the other in
//! one transaction, commits once, and only then answers them all.
//!
//! A commit is what costs: it waits for the disk, and throws away what the readers have in memory. An
//! operation that fails goes back to its savepoint and takes nothing of the others along; its answer waits for
//! the commit as well, since it may tell of what they did.

use std::{collections::VecDeque, error::Error, iter, panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use latchkey_service::ports::store::StoreError;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};
use tracing::{Instrument as _, Span};

use super::{NoAnswer, SqlStore, patience, unless_late};
use crate::{
    failure::Passing,
    file::OpenFile,
    transaction::{self, Open, Savepoint, Transaction},
};

/// The most operations of one transaction, so that none waits for many others.
const MOST: usize = 64;

/// The most operations that wait. Those whose callers went away are among them, so connections do not bound
/// them.
const ROOM: usize = 4_096;

/// How often an operation is tried, as long as its transaction certainly was not committed.
const TRIES: u32 = 2;

/// How long a change is in the write-ahead log alone. SQLite by itself moves it into the file when the log has a
/// thousand pages, which a small installation takes weeks to write; until then a copy of the file would be empty.
const MOVED_AFTER: Duration = Duration::from_secs(10);

/// Where operations wait for the one who writes.
#[derive(Clone, Debug)]
pub(super) struct Line(mpsc::Sender<Waiting>);

impl Line {
    /// Begins a line before a writer of its own, who works as long as somebody has a share of the line.
    pub(super) fn before(store: SqlStore) -> Self {
        let (line, waiting) = mpsc::channel(ROOM);
        let mut writer = Writer {
            store,
            line: waiting,
            again: VecDeque::new(),
            // Migrations come by another way.
            log_is_due: Some(Instant::now() + MOVED_AFTER),
        };
        tokio::spawn(async move {
            // Without the one who writes every change would be refused from then on. Those of the group are told
            // nothing, which is what anybody knows.
            while AssertUnwindSafe(writer.work())
                .catch_unwind()
                .await
                .is_err()
            {
                writer.store.trust.lose();
                tracing::error!("the one who writes panicked, and begins anew");
            }
        });
        Self(line)
    }

    /// Waits until the operation was carried out, but no longer than to this moment.
    ///
    /// # Errors
    /// As those of [`SqlStore::write`].
    pub(super) async fn wait<T, E, F>(
        &self,
        operation: impl FnOnce(Transaction) -> F + Clone + Send + 'static,
        ends: Instant,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let (caller, outcome) = oneshot::channel::<Result<T, E>>();
        let operation = Operation {
            work: operation,
            outcome: Err(StoreError::unavailable(NoAnswer).into()),
            caller,
            span: Span::current(),
        };
        // Where there is no room, or nobody writes any more, it is dropped, and so nobody answers.
        drop(self.0.try_send(Waiting {
            operation: Box::new(operation),
            ends,
            tries: 0,
        }));
        match timeout_at(ends, outcome).await {
            Ok(Ok(told)) => told,
            Ok(Err(_nobody)) => Err(StoreError::unavailable(NoAnswer).into()),
            Err(_late) => Err(StoreError::unavailable(NoAnswer).into()),
        }
    }
}

/// Who waits in the line.
struct Waiting {
    operation: Box<dyn Run>,
    /// When the caller is told that there was no answer.
    ends: Instant,
    tries: u32,
}

impl Waiting {
    /// Itself, unless it is late: then that is its answer.
    fn in_time(self) -> Option<Self> {
        if Instant::now() < self.ends {
            return Some(self);
        }
        let late = StoreError::unavailable(NoAnswer);
        self.operation.answer(Err(late));
        None
    }

    fn once_more(self) -> Self {
        Self {
            tries: self.tries + 1,
            ..self
        }
    }
}

/// An operation, and whom to tell of it.
struct Operation<O, T, E> {
    work: O,
    /// What it gave the last time that it ran.
    outcome: Result<T, E>,
    caller: oneshot::Sender<Result<T, E>>,
    span: Span,
}

/// An operation of whatever type.
#[async_trait]
trait Run: Send {
    /// Runs it and keeps what it gives. What is done only after `ends` counts as refused, since its caller may
    /// have been told that there was no answer.
    async fn run(&mut self, store: &SqlStore, transaction: Transaction, ends: Instant) -> Ended;

    /// Tells the caller what it gave, or why that does not count.
    fn answer(self: Box<Self>, counts: Result<(), StoreError>);
}

/// What came of an operation.
enum Ended {
    /// It is done.
    Done,
    /// It was refused, or cannot be done: what it did is to be taken back.
    Refused,
    /// It has not ended in time.
    Hangs,
    /// It met a failure that takes the whole transaction along.
    Lost(Lost),
}

/// Why a transaction was not committed, or why nobody knows whether it was.
struct Lost {
    cause: StoreError,
    /// Whether it certainly was not, and another connection may do better.
    is_worth_a_try: bool,
}

impl Lost {
    fn for_good(cause: StoreError) -> Self {
        Self {
            cause,
            is_worth_a_try: false,
        }
    }

    /// Before the commit.
    fn for_now(store: &SqlStore, error: StoreError) -> Self {
        let (passing, cause) = store.told(error);
        Self {
            cause,
            is_worth_a_try: is_worth_a_try(passing),
        }
    }
}

fn is_worth_a_try(passing: Option<Passing>) -> bool {
    matches!(passing, Some(Passing::Broken | Passing::Contention))
}

#[async_trait]
impl<O, F, T, E> Run for Operation<O, T, E>
where
    O: FnOnce(Transaction) -> F + Clone + Send,
    F: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: Error + From<StoreError> + Send + 'static,
{
    async fn run(&mut self, store: &SqlStore, transaction: Transaction, ends: Instant) -> Ended {
        store.count_transaction();
        // The writer is everybody's, so it outlives an operation that panics.
        let work = self.work.clone();
        let attempt = AssertUnwindSafe(async { work(transaction).await }).catch_unwind();
        let attempt = attempt.instrument(self.span.clone());
        let mut has_ended = false;
        let attempt = async {
            let outcome = attempt.await;
            has_ended = true;
            outcome.unwrap_or_else(|_panic| Err(StoreError::new("an operation panicked").into()))
        };
        let until = Instant::now() + patience(store.deadline);
        let outcome = unless_late(until, attempt).await;
        if outcome.is_ok() && Instant::now() >= ends {
            self.outcome = Err(StoreError::unavailable(NoAnswer).into());
            return Ended::Refused;
        }
        let ended = match &outcome {
            Ok(_value) => Ended::Done,
            Err(_error) if !has_ended => Ended::Hangs,
            Err(error) => match Passing::of(error) {
                Some((passing, cause)) if is_worth_a_try(Some(passing)) => Ended::Lost(Lost {
                    cause,
                    is_worth_a_try: true,
                }),
                Some(_) | None => Ended::Refused,
            },
        };
        self.outcome = outcome.map_err(|error| store.told(error).1);
        ended
    }

    fn answer(self: Box<Self>, counts: Result<(), StoreError>) {
        let Self {
            outcome, caller, ..
        } = *self;
        // Who went away does not hear it.
        drop(caller.send(counts.map_err(E::from).and(outcome)));
    }
}

/// The one who writes.
struct Writer {
    /// Without a line.
    store: SqlStore,
    line: mpsc::Receiver<Waiting>,
    /// Those whose transaction was lost, and who are tried once more. Nobody new joins them, who could take
    /// them along again.
    again: VecDeque<Waiting>,
    /// When the log is to be moved into the file, if anything may be in it.
    log_is_due: Option<Instant>,
}

impl Writer {
    async fn work(&mut self) {
        while let Some(first) = self.first().await {
            let mut group = Vec::new();
            let committed = self.transact(first, &mut group).await;
            self.log_is_due
                .get_or_insert_with(|| Instant::now() + MOVED_AFTER);
            for waiting in group {
                match &committed {
                    Err(lost) if lost.is_worth_a_try && waiting.tries < TRIES => {
                        self.again.push_back(waiting);
                    }
                    Err(lost) => waiting.operation.answer(Err(lost.cause.clone())),
                    Ok(()) => waiting.operation.answer(Ok(())),
                }
            }
        }
    }

    /// Waits for somebody; `None` when nobody can come any more. Who is late gets nothing done.
    async fn first(&mut self) -> Option<Waiting> {
        loop {
            let first = match self.again.pop_front() {
                Some(first) => first,
                None => self.next().await?,
            };
            if let Some(first) = first.in_time() {
                return Some(first);
            }
        }
    }

    /// Waits for who comes next, and sees to the log meanwhile.
    async fn next(&mut self) -> Option<Waiting> {
        if let Some(due) = self.log_is_due {
            tokio::select! {
                // It has its turn even while somebody always waits.
                biased;
                () = sleep_until(due) => {
                    self.log_is_due = None;
                    tokio::spawn(self.store.clone().move_log());
                }
                next = self.line.recv() => return next,
            }
        }
        self.line.recv().await
    }

    /// Runs the first, and those who come meanwhile, in one transaction. They are the group, and are to be
    /// answered with what came of it.
    async fn transact(&mut self, first: Waiting, group: &mut Vec<Waiting>) -> Result<(), Lost> {
        let (store, line, again) = (&self.store, &mut self.line, &mut self.again);
        let is_again = first.tries > 0;
        let others = iter::from_fn(|| {
            if is_again {
                again.pop_front()
            } else {
                line.try_recv().ok()
            }
        });
        let begun = transaction::begin(&store.writer);
        let begun = unless_late(first.ends, begun).await;
        group.push(first.once_more());
        let open = begun.map_err(|error| Lost::for_now(store, error))?;
        let is_filled = fill(store, &open, group, others).await;
        if is_filled.is_err() {
            // Before it is dropped.
            store.trust.lose();
        }
        let is_filled = is_filled?;
        let open = open.sole().map_err(Lost::for_good)?;
        // What is committed to a file that has lost its name is lost with it.
        let in_place = store
            .file
            .as_ref()
            .map_or(Ok(()), OpenFile::must_be_in_place);
        if is_filled && in_place.is_ok() {
            let committed = unless_late(Instant::now() + store.deadline, open.commit());
            committed
                .await
                .map_err(|error| Lost::for_good(store.told(error).1))
        } else {
            let taken_back = async {
                open.roll_back().await;
                Ok(())
            };
            in_time(store, taken_back).await?;
            in_place.map_err(Lost::for_good)
        }
    }
}

/// Runs the only one of the group in a new transaction, and takes others into both as long as some wait. Tells
/// whether there is anything to commit: where the first did nothing, no others are taken.
async fn fill(
    store: &SqlStore,
    open: &Open,
    group: &mut Vec<Waiting>,
    others: impl Iterator<Item = Waiting> + Send,
) -> Result<bool, Lost> {
    let closes = Instant::now() + store.deadline / 10;
    let mut others = others.filter_map(Waiting::in_time);
    let mut savepoint = Savepoint::default();
    while let Some(latest) = group.last_mut() {
        let ends = latest.ends;
        match latest.operation.run(store, open.share(), ends).await {
            Ended::Done => {}
            Ended::Refused if group.len() == 1 => return Ok(false),
            Ended::Refused => in_time(store, savepoint.go_back(open)).await?,
            Ended::Hangs => {
                if let Some(hanging) = group.pop() {
                    hanging.operation.answer(Ok(()));
                }
                return Err(Lost {
                    cause: StoreError::unavailable(NoAnswer),
                    is_worth_a_try: true,
                });
            }
            Ended::Lost(lost) => return Err(lost),
        }
        if group.len() == MOST || Instant::now() >= closes {
            break;
        }
        let Some(next) = others.next() else { break };
        group.push(next.once_more());
        in_time(store, savepoint.set(open)).await?;
    }
    Ok(true)
}

/// Takes a step between operations. It hangs when an operation would.
async fn in_time(
    store: &SqlStore,
    step: impl Future<Output = Result<(), StoreError>>,
) -> Result<(), Lost> {
    unless_late(Instant::now() + patience(store.deadline), step)
        .await
        .map_err(|error| Lost::for_now(store, error))
}

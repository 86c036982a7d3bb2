//! One asks the store, for everybody who wants to know.

use std::{
    future::Future,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use latchkey_domain::time::Timestamp;
use tokio::{sync::OwnedMutexGuard, time::timeout};
use tracing::Instrument as _;

use crate::ports::store::StoreError;

/// How long an asking may take. A store has a deadline of its own, which is shorter; one that has none must not
/// keep everybody waiting for ever.
const DEADLINE: Duration = Duration::from_mins(1);

/// What the store is asked by one caller at a time, while whoever else wants the answer waits for that one.
/// What has begun goes on when its caller goes away, so callers who hang up cannot make it begin again.
pub(crate) struct Flight<T> {
    log: Arc<Mutex<Log<T>>>,
    /// Held by the one who asks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to ask.
pub(crate) type Turn = OwnedMutexGuard<()>;

/// What was asked so far.
#[derive(Clone)]
pub(crate) struct Log<T> {
    /// When the last asking began.
    pub(crate) asked: Option<Timestamp>,
    /// The newest answer that is none of a failure, and when asking for it began: so it is never older than
    /// it seems.
    pub(crate) good: Option<(Timestamp, T)>,
    /// The newest answer, and when asking for it began.
    newest: Option<(Timestamp, Result<T, StoreError>)>,
    /// How many askings have ended.
    ended: u64,
}

/// Whether that long has not passed; a clock that was set back makes everything old.
pub(crate) fn is_within(age: Duration, began: Timestamp, now: Timestamp) -> bool {
    now >= began && now.since(began) < age
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        let log = Log {
            asked: None,
            good: None,
            newest: None,
            ended: 0,
        };
        Self {
            log: Arc::new(Mutex::new(log)),
            turn: Arc::default(),
        }
    }
}

impl<T: Clone> Log<T> {
    /// The newest answer that is none of a failure, if it is younger.
    pub(crate) fn good_within(&self, age: Duration, now: Timestamp) -> Option<T> {
        let (began, answer) = self.good.as_ref()?;
        is_within(age, *began, now).then(|| answer.clone())
    }

    /// The newest answer of any kind, if it is younger.
    pub(crate) fn any_within(
        &self,
        age: Duration,
        now: Timestamp,
    ) -> Option<Result<T, StoreError>> {
        let (began, answer) = self.newest.as_ref()?;
        is_within(age, *began, now).then(|| answer.clone())
    }
}

impl<T: Clone + Send + 'static> Flight<T> {
    /// What was asked so far.
    pub(crate) fn log(&self) -> Log<T> {
        lock(&self.log).clone()
    }

    /// The right to ask, unless somebody else has it.
    pub(crate) fn try_turn(&self) -> Option<Turn> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    /// The right to ask, when nobody else has it any more.
    pub(crate) async fn turn(&self) -> Turn {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Asks; or, when somebody else's asking has ended since `seen` was all there was, gives what came of
    /// that.
    ///
    /// # Errors
    /// What the asking gave.
    pub(crate) async fn ask(
        &self,
        turn: Turn,
        seen: &Log<T>,
        now: Timestamp,
        asking: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let present = self.log();
        if let Some((_, answer)) = present.newest.filter(|_| present.ended != seen.ended) {
            return answer;
        }
        lock(&self.log).asked = Some(now);
        let kept = Arc::clone(&self.log);
        let asking = async move {
            let answer = timeout(DEADLINE, asking).await;
            let answer = answer.unwrap_or_else(|late| Err(StoreError::unavailable(late)));
            let mut log = lock(&kept);
            if let Ok(good) = &answer {
                log.good = Some((now, good.clone()));
            }
            log.newest = Some((now, answer.clone()));
            log.ended = log.ended.wrapping_add(1);
            drop(log);
            drop(turn);
            answer
        };
        match tokio::spawn(asking.in_current_span()).await {
            Ok(answer) => answer,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(cancelled) => Err(StoreError::unavailable(cancelled)),
            },
        }
    }
}

fn lock<T>(log: &Mutex<Log<T>>) -> MutexGuard<'_, Log<T>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

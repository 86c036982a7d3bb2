//! Which connections of a pool may still be used.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::sqlx::{Database, pool::PoolOptions};

/// Connections are trusted until one of them turns out to be of no use: what ended it (the server went
/// away, became read-only, or does not answer) is likely to have met the others as well, so only those
/// that were made later are used. So it is with one whose transaction could not be ended: what runs on it
/// next would run inside of that transaction. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Every connection there is may be of no use.
    pub(crate) fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Lets a pool give out, and take back, only connections that are trusted.
    pub(crate) fn guard<D: Database>(&self, pool: PoolOptions<D>) -> PoolOptions<D> {
        let (taken, given_back) = (self.clone(), self.clone());
        pool.before_acquire(move |_connection, state| {
            let is_trusted = taken.covers(state.age);
            Box::pin(async move { Ok(is_trusted) })
        })
        // Without this the pool would wait for the answer of a connection that hangs.
        .after_release(move |_connection, state| {
            let is_trusted = given_back.covers(state.age);
            Box::pin(async move { Ok(is_trusted) })
        })
    }

    /// Whether a connection of that age may be used.
    pub(crate) fn covers(&self, age: Duration) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| age < lost.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_younger_than_the_last_trouble_is_trusted() {
        let trust = Trust::default();
        assert!(trust.covers(Duration::from_hours(1)));
        trust.clone().lose();
        assert!(!trust.covers(Duration::from_hours(1)));
        assert!(trust.covers(Duration::ZERO));
    }
}

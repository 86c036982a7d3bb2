//! Which connections of a pool may still be used.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::sqlx::{Connection as _, Database, pool::PoolOptions};
use tokio::time::{Instant, sleep_until, timeout};

/// How often at most trust is lost because a database says that it is read-only: as long as it is, new
/// connections say the same.
const READ_ONLY_INTERVAL: Duration = Duration::from_secs(1);

/// Connections are trusted until one of them turns out to be of no use: what ended it (the server went
/// away, became read-only, or does not answer) is likely to have met the others as well, so only those
/// that were made later are used. So it is with one whose transaction could not be ended: what runs on it
/// next would run inside of that transaction. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Every connection there is may be of no use.
    pub(crate) fn lose(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// One has answered nothing for that long, and so may others that were there before. Those that were made
    /// meanwhile have answered.
    pub(crate) fn lose_after(&self, silence: Duration) {
        let began = Instant::now().checked_sub(silence);
        let mut loss = self.lock();
        *loss = (*loss).max(began);
    }

    /// One that was used since `began` says that the database is read-only, as it may have been when the
    /// connection was made: sees to it that those used from now on were made after `began`. What is younger
    /// than the last loss is thrown away again once a second at most, and whoever comes sooner waits until
    /// then. Gives whether that came to pass before `ends`.
    pub(crate) async fn renew(&self, began: Instant, ends: Instant) -> bool {
        loop {
            let next = {
                let mut loss = self.lock();
                let now = Instant::now();
                match *loss {
                    Some(before) if before >= began => return true,
                    Some(before) if now < before + READ_ONLY_INTERVAL => {
                        before + READ_ONLY_INTERVAL
                    }
                    Some(_) | None => {
                        *loss = Some(now);
                        return true;
                    }
                }
            };
            if next >= ends {
                return false;
            }
            sleep_until(next).await;
        }
    }

    /// Lets a pool give out, and take back, only connections that are trusted. What is given back, as by a call that
    /// was late, may hang: one that answers nothing for that long is of no use, and so may be all others.
    pub(crate) fn guard<D: Database>(
        &self,
        pool: PoolOptions<D>,
        patience: Duration,
    ) -> PoolOptions<D> {
        let (taken, given_back) = (self.clone(), self.clone());
        pool.before_acquire(move |_connection, state| {
            let is_trusted = taken.covers(state.age);
            Box::pin(async move { Ok(is_trusted) })
        })
        .after_release(move |connection, state| {
            let trust = given_back.clone();
            Box::pin(async move {
                if !trust.covers(state.age) {
                    return Ok(false);
                }
                match timeout(patience, connection.ping()).await {
                    Ok(answer) => Ok(answer.is_ok()),
                    Err(_silent) => {
                        trust.lose_after(patience);
                        Ok(false)
                    }
                }
            })
        })
    }

    /// Whether a connection of that age may be used.
    pub(crate) fn covers(&self, age: Duration) -> bool {
        let lost = *self.lock();
        lost.is_none_or(|lost| age < lost.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{task::JoinSet, time::sleep};

    use super::*;

    #[test]
    fn only_what_is_younger_than_the_last_trouble_is_trusted() {
        let trust = Trust::default();
        assert!(trust.covers(Duration::from_hours(1)));
        trust.clone().lose();
        assert!(!trust.covers(Duration::from_hours(1)));
        assert!(trust.covers(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_made_while_another_was_silent_is_trusted() {
        let trust = Trust::default();
        let second = Duration::from_secs(1);
        sleep(4 * second).await;
        trust.lose_after(2 * second);
        assert!(trust.covers(second));
        assert!(!trust.covers(2 * second));
        // What began to be silent earlier says no more.
        trust.lose_after(3 * second);
        assert!(trust.covers(second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_stays_read_only_costs_its_connections_once_a_second() {
        let trust = Trust::default();
        let start = Instant::now();
        let ends = start + Duration::from_mins(1);
        let second = Duration::from_secs(1);
        // The first who meets it does not wait, nor does who began before that.
        assert!(trust.renew(start, ends).await);
        assert!(trust.renew(start, ends).await);
        assert_eq!(start.elapsed(), Duration::ZERO);
        // Of those who begin later, with connections that were made later, all wait for the next loss.
        sleep(second / 4).await;
        let began = Instant::now();
        let mut waiting = JoinSet::new();
        for _ in 0..100 {
            let trust = trust.clone();
            waiting.spawn(async move { trust.renew(began, ends).await });
        }
        sleep(second / 2).await;
        // Until then the connections are used.
        assert!(trust.covers(second / 2));
        assert!(waiting.try_join_next().is_none());
        assert!(waiting.join_all().await.into_iter().all(|renewed| renewed));
        let lost = trust.lock().unwrap();
        assert!(
            lost >= start + second && lost <= start + 2 * second,
            "{lost:?}"
        );
        assert!(!trust.covers(second));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_other_connections_beyond_the_deadline() {
        let trust = Trust::default();
        trust.lose();
        sleep(Duration::from_millis(1)).await;
        let began = Instant::now();
        assert!(!trust.renew(began, began + Duration::from_millis(500)).await);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

//! A clock that tests set.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use latchkey_domain::time::Timestamp;
use latchkey_service::ports::clock::Clock;

/// Tells the time it was last set to. Clones are one and the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    milliseconds: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(time: Timestamp) -> Self {
        Self {
            milliseconds: Arc::new(AtomicI64::new(time.unix_milliseconds())),
        }
    }

    /// Shows this time from now on.
    pub fn set(&self, time: Timestamp) {
        self.milliseconds
            .store(time.unix_milliseconds(), Ordering::SeqCst);
    }

    /// Shows a later time from now on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }
}

impl Default for ManualClock {
    /// Shows 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_milliseconds(1_767_225_600_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_milliseconds(self.milliseconds.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = ManualClock::default();
        let clone = clock.clone();
        clock.advance(Duration::from_millis(5));
        assert_eq!(clone.now().unix_milliseconds(), 1_767_225_600_005);
    }
}

//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use latchkey_domain::time::Timestamp;
use latchkey_service::ports::clock::Clock;

/// Tells the time of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the time enters the program"
    )]
    fn now(&self) -> Timestamp {
        let epoch = Timestamp::from_unix_milliseconds(0);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => epoch.plus(after),
            Err(before) => epoch.minus(before.duration()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_later_than_when_this_was_written() {
        let written = Timestamp::from_unix_milliseconds(1_780_000_000_000);
        assert!(SystemClock.now() > written);
    }
}

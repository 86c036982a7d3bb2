//! Moments in time, without a clock.

use std::time::Duration;

/// A moment, in milliseconds since the Unix epoch (UTC). The API's dates have exactly this precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many milliseconds after (or, negative, before) 1970-01-01T00:00:00Z.
    pub const fn from_unix_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_milliseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down, as JSON Web Tokens count (RFC 7519 §2).
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment and `duration` more; the end of time when that cannot be represented.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(milliseconds))
    }

    /// This moment less `duration`; the beginning of time when that cannot be represented.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(milliseconds))
    }

    /// How long after `earlier` this moment is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_unix_milliseconds(-1).unix_seconds(), -1);
        assert_eq!(Timestamp::from_unix_milliseconds(1_999).unix_seconds(), 1);
    }

    #[test]
    fn arithmetic_counts_milliseconds_and_stops_at_the_ends_of_time() {
        let [begin, five, end] = [i64::MIN, 5, i64::MAX].map(Timestamp::from_unix_milliseconds);
        let second = Duration::from_secs(1);
        assert_eq!(five.plus(second).unix_milliseconds(), 1_005);
        assert_eq!(five.minus(second).unix_milliseconds(), -995);
        assert_eq!(five.plus(second).since(five), second);
        assert_eq!(five.since(end), Duration::ZERO);
        assert_eq!(five.plus(Duration::MAX), end);
        assert_eq!(end.plus(second), end);
        assert_eq!(begin.minus(second), begin);
    }
}

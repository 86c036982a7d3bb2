//! Which connections of a pool may still be used.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Connections are trusted until one of them turns out to be of no use: what ended it (the server went
/// away, became read-only, or does not answer) is likely to have met the others as well, so only those
/// that were made later are used. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Every connection there is may be of no use.
    pub(crate) fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
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

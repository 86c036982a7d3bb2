//! That messages cannot be sent, and whether that has been said.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use latchkey_domain::time::Timestamp;

/// How often a reason is told that goes on.
const TELLING: Duration = Duration::from_hours(1);

/// How many reasons are told within that time: a mailer may word every failure differently.
const REASONS: usize = 8;

/// What keeps messages from being sent, as this process has found it.
#[derive(Default)]
pub(crate) struct Trouble(Mutex<Found>);

#[derive(Default)]
struct Found {
    is_there: bool,
    told: Vec<(String, Timestamp)>,
}

impl Trouble {
    /// Notes a failure, and gives whether its reason has been told within the hour; if not, it is told now.
    pub(super) fn is_told(&self, reason: &str, now: Timestamp) -> bool {
        let mut found = self.found();
        found.is_there = true;
        found.told.retain(|(_, told)| now < told.plus(TELLING));
        let is_known = found.told.iter().any(|(told, _)| told == reason);
        if is_known || found.told.len() >= REASONS {
            return true;
        }
        found.told.push((reason.to_owned(), now));
        false
    }

    /// Notes that it is over, and gives whether that is news.
    pub(super) fn ends(&self) -> bool {
        std::mem::take(&mut self.found().is_there)
    }

    pub(super) fn is_there(&self) -> bool {
        self.found().is_there
    }

    /// Nobody panics while holding it.
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    fn minutes(minutes: u64) -> Timestamp {
        NOW.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn a_reason_is_told_once_an_hour_and_another_one_at_once() {
        let trouble = Trouble::default();
        let told = |reason, at| !trouble.is_told(reason, minutes(at));
        assert!(told("535", 0));
        assert!(!told("535", 1));
        assert!(told("no certificate", 2));
        assert!(!told("535", 59));
        assert!(told("535", 60));
        assert!(!told("535", 61));
    }

    #[test]
    fn what_was_told_stays_told_when_it_ended_in_between() {
        let trouble = Trouble::default();
        assert!(!trouble.ends());
        assert!(!trouble.is_told("535", minutes(0)));
        assert!(trouble.is_there());
        assert!(trouble.ends());
        assert!(!trouble.is_there());
        assert!(trouble.is_told("535", minutes(1)));
        assert!(trouble.is_there());
    }

    #[test]
    fn however_many_reasons_there_are_few_are_told() {
        let trouble = Trouble::default();
        let told = (0..1_000).filter(|number| !trouble.is_told(&number.to_string(), NOW));
        assert_eq!(told.count(), REASONS);
    }
}

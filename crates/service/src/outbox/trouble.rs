//! That messages cannot be sent, and whether that has been said.

use std::{
    mem,
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
pub struct Trouble(Mutex<Found>);

#[derive(Default)]
struct Found {
    is_there: bool,
    told: Vec<(String, Timestamp)>,
}

impl Trouble {
    /// Notes a failure, and gives what is to be told of it, unless its reason has been within the hour.
    pub fn news(&self, reason: &str, now: Timestamp) -> Option<&'static str> {
        let mut found = self.found();
        found.is_there = true;
        found.told.retain(|(_, told)| now < told.plus(TELLING));
        let is_known = found.told.iter().any(|(told, _)| told == reason);
        if is_known || found.told.len() > REASONS {
            return None;
        }
        found.told.push((reason.to_owned(), now));
        Some(if found.told.len() > REASONS {
            "messages cannot be sent, for ever other reasons; they are tried again, and further reasons are left out for \
             an hour"
        } else {
            "messages cannot be sent; they are tried again, and this is said once an hour"
        })
    }

    /// Notes that it is over, and gives whether that is news. What comes then is told anew.
    pub(super) fn ends(&self) -> bool {
        mem::take(&mut *self.found()).is_there
    }

    /// From now on reasons are told as if none had been.
    pub fn tells_anew(&self) {
        self.found().told.clear();
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
        let told = |reason, at| trouble.news(reason, minutes(at)).is_some();
        assert!(told("535", 0));
        assert!(!told("535", 1));
        assert!(told("no certificate", 2));
        assert!(!told("535", 59));
        assert!(told("535", 60));
        assert!(!told("535", 61));
    }

    /// The last word is never that mail works while it does not, nor that what was mended is still so.
    #[test]
    fn what_comes_after_it_ended_or_was_mended_is_told() {
        let trouble = Trouble::default();
        assert!(!trouble.ends());
        assert!(trouble.news("535", minutes(0)).is_some());
        assert!(trouble.is_there());
        assert!(trouble.ends());
        assert!(!trouble.is_there());
        assert!(trouble.news("535", minutes(1)).is_some());
        assert!(trouble.news("535", minutes(2)).is_none());
        trouble.tells_anew();
        assert!(trouble.is_there());
        assert!(trouble.news("535", minutes(3)).is_some());
    }

    #[test]
    fn however_many_reasons_there_are_few_are_told_and_the_last_one_says_so() {
        let trouble = Trouble::default();
        let told = (0..1_000).filter_map(|number| trouble.news(&number.to_string(), NOW));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), REASONS + 1);
        let says_so = |told: &&str| told.contains("left out");
        assert_eq!(told.iter().position(says_so), Some(REASONS));
    }
}

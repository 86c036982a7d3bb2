//! Hearing of security events.

use crate::events::names::{Event, Reason};

/// Hears of every security event as it is concluded, so as to count it; the log has the particulars. It is called
/// on the way of a request, so it must return at once. Counts lose nothing by being made of names alone, and
/// whoever calls cannot make any up.
pub trait Observer: Send + Sync {
    /// Hears that this happened, or for which reason it did not.
    fn observe(&self, event: Event, refused: Option<Reason>);
}

/// Nobody hears of anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _event: Event, _refused: Option<Reason>) {}
}

//! The time.

use latchkey_domain::time::Timestamp;

/// Tells the time; everything else in the service is told it.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

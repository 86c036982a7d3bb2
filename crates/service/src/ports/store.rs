//! What all stores have in common.

use std::{error::Error, fmt, sync::Arc};

use latchkey_domain::authority::Spendable;

/// The store failed: nothing the caller could have done differently. The cause is for the log. Clones share
/// it.
#[derive(Clone, Debug)]
pub enum StoreError {
    /// There is a defect, or somebody changed what is kept by hand: it will not be better the next time.
    Failed(Arc<dyn Error + Send + Sync>),
    /// It is away, read-only, locked, full or damaged, or did not answer until its deadline: later it may be
    /// better. A change was not made, unless it was being committed: of that nobody knows.
    Unavailable(Arc<dyn Error + Send + Sync>),
}

impl StoreError {
    /// It failed for this cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause: Box<dyn Error + Send + Sync> = cause.into();
        Self::Failed(cause.into())
    }

    /// It is not available for this cause.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause: Box<dyn Error + Send + Sync> = cause.into();
        Self::Unavailable(cause.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Failed(_) => "the store failed",
            Self::Unavailable(_) => "the store is not available",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let (Self::Failed(cause) | Self::Unavailable(cause)) = self;
        Some(cause.as_ref())
    }
}

/// An [`Authority`](latchkey_domain::authority::Authority) that does not hold (any more): what every
/// change may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityConflict {
    /// Its organization, user, application or one of its credentials is gone or not active, or the
    /// user's epoch has moved on.
    #[error("the authority is void")]
    Void,
    /// One of its credentials was made with a code, and lately: it counts, but not for this.
    #[error("a credential is fresh")]
    Fresh,
    /// Something it would use up was used up before.
    #[error("already spent")]
    Spent(Spendable),
}

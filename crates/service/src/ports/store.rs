//! What all stores have in common.

use std::error::Error;

use latchkey_domain::authority::Spendable;

/// The store failed: nothing the caller could have done differently, and nothing it needs to know.
/// The cause is for the log.
#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
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
    /// Something it would use up was used up before.
    #[error("already spent")]
    Spent(Spendable),
}

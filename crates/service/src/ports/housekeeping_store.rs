//! Removing what nobody needs any more.

use async_trait::async_trait;
use latchkey_domain::time::Timestamp;

use super::store::StoreError;

/// Removes expired rows, safely while others work and on several replicas at once.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait HousekeepingStore: Send + Sync {
    /// Deletes at most `batch` rows each of: spent things that expired before `before`; credential codes that expired
    /// before it, their claims too, and are not the newest of their user; credentials that had waited in vain before
    /// it; account codes and messages that expired before it; events that this release does not know, and that were
    /// left more than [`LeftEvent::KEPT`](super::event_store::LeftEvent::KEPT) before it (those that it knows are
    /// told, and go by that). Gives how many rows were deleted. Registration codes stay until another one is issued,
    /// so that an expired one can be told from a wrong one.
    ///
    /// This may be several transactions, so that it keeps nobody waiting: nothing depends on two of these
    /// going together.
    ///
    /// # Errors
    /// [`StoreError`]; some of it may be deleted then, and the next call goes on.
    async fn delete_expired(&self, before: Timestamp, batch: u32) -> Result<u64, StoreError>;
}

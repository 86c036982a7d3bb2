//! Security events that wait to be told.

use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::{
    id::{ApplicationId, CredentialUuid, EventId, OrganizationId, UserId},
    time::Timestamp,
};

use super::store::StoreError;
use crate::events::names::{Event, Reason};

/// An event that one process left for another one to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftEvent {
    /// Identifies it.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Why it did not, if it did not.
    pub refused: Option<Reason>,
    /// The organization it is about; like the other ids, whether or not it is still there.
    pub organization: Option<OrganizationId>,
    /// Whose account it is about.
    pub user: Option<UserId>,
    /// The credential it is about.
    pub credential: Option<CredentialUuid>,
    /// The application it is about.
    pub application: Option<ApplicationId>,
}

impl LeftEvent {
    /// How long an event waits for a release that knows it, where there may be none any more.
    pub const KEPT: Duration = Duration::from_hours(24 * 7);
}

/// Keeps events until a process that serves tells them.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Keeps an event until it is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn leave(&self, left: LeftEvent) -> Result<(), StoreError>;

    /// Takes at most `batch` events away, oldest first. Of any number of processes that call at once each event is
    /// given to one. Events and reasons that this release does not know are left for one that does. When nothing
    /// was left this costs one read.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is taken then, unless the answer to a commit was lost: then what was taken is given to
    /// nobody.
    async fn take(&self, batch: u32) -> Result<Vec<LeftEvent>, StoreError>;
}

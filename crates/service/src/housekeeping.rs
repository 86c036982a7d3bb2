//! Housekeeping: whether this process belongs to its database is looked at, and expired rows are removed in
//! batches.

use std::{sync::Arc, time::Duration};

use tracing::warn;

use crate::ports::{
    clock::Clock,
    housekeeping_store::HousekeepingStore,
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};

/// How long rows outlive their expiry, because replicas' clocks differ.
const GRACE: Duration = Duration::from_hours(1);

/// How many rows of a table one transaction deletes.
const BATCH: u32 = 1_000;

/// How many batches one round deletes at most, so that a backlog does not keep others waiting.
const ROUNDS: usize = 100;

/// Why a process must not go on with its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Parted {
    /// The database is bound to other secrets than this process works with: they were replaced, and whoever has the
    /// old ones must not be served by them any longer; or the database is an older one, put back in its place.
    #[error(
        "the database takes other secrets than this process has: they were replaced, or an older database was put \
         in its place; start it anew with the secrets that belong to it"
    )]
    OtherSecrets,
    /// What this process works on is not what others meet, and lost when it ends.
    #[error(
        "the file of the database was deleted, replaced or overwritten while this process had it open, or is damaged: \
         start it anew, with the one that is there or one that was brought back"
    )]
    Replaced,
}

/// Why housekeeping was not done.
#[derive(Debug, thiserror::Error)]
pub enum HousekeepingError {
    /// This process must not go on.
    #[error(transparent)]
    Parted(#[from] Parted),
    /// The store failed; what was deleted before stays deleted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks whether the database is still the one of this process, and removes what nobody needs any more.
pub struct Housekeeping {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn HousekeepingStore>,
    pub(crate) installations: Arc<dyn InstallationStore>,
    pub(crate) own: Installation,
}

impl Housekeeping {
    /// Requires that the database is in its place, and takes no other secrets than those of this process, which
    /// rotating signing keys leaves as they are; then deletes expired rows until none is left or enough was done, and
    /// gives how many. A database that was emptied takes none until a process is started, and is not bound to those of
    /// one that was forgotten.
    ///
    /// # Errors
    /// [`HousekeepingError`].
    pub async fn run(&self) -> Result<u64, HousekeepingError> {
        if !self.installations.is_in_place().await? {
            return Err(Parted::Replaced.into());
        }
        match self.installations.look().await? {
            None => warn!(
                "the database does not say whose it is, as if it had been emptied: start every process anew"
            ),
            Some(kept) if kept.secrets_fingerprint != self.own.secrets_fingerprint => {
                return Err(Parted::OtherSecrets.into());
            }
            Some(_own) => {}
        }
        let before = self.clock.now().minus(GRACE);
        let mut total: u64 = 0;
        for _ in 0..ROUNDS {
            let deleted = self.store.delete_expired(before, BATCH).await?;
            total = total.saturating_add(deleted);
            if deleted == 0 {
                break;
            }
        }
        Ok(total)
    }
}

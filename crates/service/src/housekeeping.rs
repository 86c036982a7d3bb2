//! Housekeeping: expired rows are removed in batches.

use std::{sync::Arc, time::Duration};

use crate::ports::{clock::Clock, housekeeping_store::HousekeepingStore, store::StoreError};

/// How long rows outlive their expiry, because replicas' clocks differ.
const GRACE: Duration = Duration::from_hours(1);

/// How many rows of a table one transaction deletes.
const BATCH: u32 = 1_000;

/// How many batches one round deletes at most, so that a backlog does not keep others waiting.
const ROUNDS: usize = 100;

/// Removes what nobody needs any more.
pub struct Housekeeping {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn HousekeepingStore>,
}

impl Housekeeping {
    /// Deletes expired rows until none is left or enough was done; gives how many.
    ///
    /// # Errors
    /// [`StoreError`]; what was deleted before stays deleted.
    pub async fn run(&self) -> Result<u64, StoreError> {
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

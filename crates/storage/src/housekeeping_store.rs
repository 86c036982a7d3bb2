//! Removing what nobody needs any more.

use async_trait::async_trait;
use latchkey_domain::time::Timestamp;
use latchkey_service::ports::{housekeeping_store::HousekeepingStore, store::StoreError};

use crate::{
    store::SqlStore,
    table::{account_code, credential, credential_code, message, spent},
};

#[async_trait]
impl HousekeepingStore for SqlStore {
    /// One short transaction per table, so that nobody waits long for the one writer of SQLite.
    async fn delete_expired(&self, before: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let deleted = [
            self.write(async move |tx| spent::delete_expired(&tx, before, batch).await)
                .await?,
            self.write(async move |tx| credential_code::delete_expired(&tx, before, batch).await)
                .await?,
            self.write(async move |tx| credential::delete_expired(&tx, before, batch).await)
                .await?,
            self.write(async move |tx| account_code::delete_expired(&tx, before, batch).await)
                .await?,
            self.write(async move |tx| message::delete_expired(&tx, before, batch).await)
                .await?,
        ];
        Ok(deleted.into_iter().fold(0, u64::saturating_add))
    }
}

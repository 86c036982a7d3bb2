//! Removing what nobody needs any more.

use async_trait::async_trait;
use latchkey_domain::time::Timestamp;
use latchkey_service::ports::{housekeeping_store::HousekeepingStore, store::StoreError};

use crate::{store::SqlStore, table};

#[async_trait]
impl HousekeepingStore for SqlStore {
    /// One short transaction per table, so that nobody waits long for the one writer of SQLite.
    async fn delete_expired(&self, before: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let spent = self
            .write::<_, StoreError, _>(move |transaction| {
                Box::pin(table::spent::delete_expired(transaction, before, batch))
            })
            .await??;
        let credential_codes = self
            .write::<_, StoreError, _>(move |transaction| {
                Box::pin(table::credential_code::delete_expired(
                    transaction,
                    before,
                    batch,
                ))
            })
            .await??;
        let credentials = self
            .write::<_, StoreError, _>(move |transaction| {
                Box::pin(table::credential::delete_expired(
                    transaction,
                    before,
                    batch,
                ))
            })
            .await??;
        let account_codes = self
            .write::<_, StoreError, _>(move |transaction| {
                Box::pin(table::account_code::delete_expired(
                    transaction,
                    before,
                    batch,
                ))
            })
            .await??;
        let messages = self
            .write::<_, StoreError, _>(move |transaction| {
                Box::pin(table::message::delete_expired(transaction, before, batch))
            })
            .await??;
        Ok([
            spent,
            credential_codes,
            credentials,
            account_codes,
            messages,
        ]
        .into_iter()
        .fold(0, u64::saturating_add))
    }
}

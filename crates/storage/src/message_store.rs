//! Messages that wait to be sent.

use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::time::Timestamp;
use latchkey_service::ports::{
    message_store::{ClaimedMessage, MessageStore, WaitingMessage},
    store::StoreError,
};

use crate::{store::SqlStore, table};

#[async_trait]
impl MessageStore for SqlStore {
    async fn claim(
        &self,
        now: Timestamp,
        lease: Duration,
        batch: u32,
    ) -> Result<Vec<ClaimedMessage>, StoreError> {
        // Usually nothing is due, and then nobody is kept from writing.
        if !table::message::any_due(self.reader(), now).await? {
            return Ok(vec![]);
        }
        let until = now.plus(lease);
        self.write(async move |tx| table::message::claim(&tx, now, until, batch).await)
            .await
    }

    async fn remove(&self, claimed: &ClaimedMessage) -> Result<bool, StoreError> {
        let claimed = claimed.clone();
        self.write(async move |tx| table::message::delete(&tx, &claimed).await)
            .await
    }

    async fn put_back(&self, claimed: &ClaimedMessage, due: Timestamp) -> Result<bool, StoreError> {
        let claimed = claimed.clone();
        self.write(async move |tx| table::message::put_back(&tx, &claimed, due).await)
            .await
    }

    async fn waiting(&self, now: Timestamp) -> Result<Vec<WaitingMessage>, StoreError> {
        table::message::waiting(self.reader(), now).await
    }
}

//! Security events that wait to be told.

use async_trait::async_trait;
use latchkey_service::ports::{
    event_store::{EventStore, LeftEvent},
    store::StoreError,
};

use crate::MemoryStore;

#[async_trait]
impl EventStore for MemoryStore {
    async fn leave(&self, left: LeftEvent) -> Result<(), StoreError> {
        self.write(|state| {
            state.events.push(left);
            state.events.sort_by_key(|left| left.at);
            Ok(())
        })
    }

    async fn take(&self, batch: u32) -> Result<Vec<LeftEvent>, StoreError> {
        self.write(|state| {
            let taken = state.events.extract_if(.., |_oldest| true);
            Ok((0..batch).zip(taken).map(|(_, left)| left).collect())
        })
    }
}

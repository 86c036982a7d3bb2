//! The contract of a store, kept by this one.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::id::OrganizationId;
use latchkey_memory::MemoryStore;
use latchkey_service::ports::Stores;
use latchkey_store_contract::Adapter;

/// Data that no other case has.
struct Fresh(MemoryStore);

#[async_trait]
impl Adapter for Fresh {
    async fn replica(&self) -> Stores {
        Stores::of(Arc::new(self.0.clone()))
    }

    async fn deactivate(&self, organization: &OrganizationId) {
        self.0.deactivate(organization);
    }
}

mod contract {
    latchkey_store_contract::store_contract!(super::Fresh(super::MemoryStore::default()));
}

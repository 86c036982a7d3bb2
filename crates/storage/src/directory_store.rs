//! Reading organizations and applications.

use async_trait::async_trait;
use latchkey_service::ports::{
    directory_store::{DirectoryEntries, DirectoryStore},
    store::StoreError,
};

use crate::{store::SqlStore, table};

#[async_trait]
impl DirectoryStore for SqlStore {
    async fn load(&self) -> Result<DirectoryEntries, StoreError> {
        table::directory::load(self.reader()).await
    }
}

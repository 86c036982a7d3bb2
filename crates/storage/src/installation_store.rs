//! The one row that says which installation the database belongs to.

use async_trait::async_trait;
use latchkey_service::ports::{
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};

use crate::{column::Inconsistency, store::SqlStore, table};

#[async_trait]
impl InstallationStore for SqlStore {
    async fn establish(&self, proposed: Installation) -> Result<Installation, StoreError> {
        if let Some(installation) = table::installation::find(self.reader()).await? {
            return Ok(installation);
        }
        self.write(async move |tx| {
            table::installation::insert(&tx, proposed).await?;
            table::installation::find(&*tx).await?.ok_or_else(|| {
                let problem = "was neither there nor could it be made";
                Inconsistency::new("installation", "the only one", problem).into()
            })
        })
        .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.reader().ping().await.map_err(StoreError::new)
    }
}

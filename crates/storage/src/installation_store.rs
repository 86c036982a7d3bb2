//! The one row that says which installation the database belongs to.

use async_trait::async_trait;
use latchkey_service::ports::{
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{row::Inconsistency, store::SqlStore, table};

#[async_trait]
impl InstallationStore for SqlStore {
    async fn establish(&self, proposed: Installation) -> Result<Installation, StoreError> {
        if let Some(installation) = table::installation::find(self.reader()).await? {
            return Ok(installation);
        }
        self.write(move |transaction| Box::pin(establish(transaction, proposed)))
            .await?
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.reader().ping().await.map_err(StoreError::new)
    }
}

async fn establish(
    transaction: &DatabaseTransaction,
    proposed: Installation,
) -> Result<Installation, StoreError> {
    table::installation::insert(transaction, &proposed).await?;
    let installation = table::installation::find(transaction).await?;
    installation.ok_or_else(|| {
        StoreError::from(Inconsistency {
            table: "installation",
            row: "the only one".to_owned(),
            problem: "was neither there nor could it be made".to_owned(),
        })
    })
}

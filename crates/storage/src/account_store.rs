//! Reading users and their credentials.

use async_trait::async_trait;
use latchkey_domain::{
    credential::CredentialReference,
    id::{OrganizationId, UserId},
    text::Username,
};
use latchkey_service::ports::{
    account_store::{Account, AccountStore, HeldCredential},
    store::StoreError,
};

use crate::{store::SqlStore, table};

#[async_trait]
impl AccountStore for SqlStore {
    async fn find_by_username(
        &self,
        organization: &OrganizationId,
        username: &Username,
    ) -> Result<Option<Account>, StoreError> {
        table::account::find_by_username(self.reader(), organization, username).await
    }

    async fn find(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        table::account::find(self.reader(), user).await
    }

    async fn find_credential(
        &self,
        organization: &OrganizationId,
        reference: &CredentialReference,
    ) -> Result<Option<HeldCredential>, StoreError> {
        table::credential::find(self.reader(), organization, reference).await
    }
}

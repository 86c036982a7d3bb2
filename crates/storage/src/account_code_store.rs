//! Keeping account codes.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::{AccountCodeId, OrganizationId},
    message::NewMessage,
    text::Username,
};
use latchkey_service::ports::{
    account_code_store::{AccountCodeStore, HeldAccountCode},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{store::SqlStore, table};

#[async_trait]
impl AccountCodeStore for SqlStore {
    async fn issue(&self, new: NewAccountCode, message: NewMessage) -> Result<bool, StoreError> {
        self.write(move |transaction| Box::pin(issue(transaction, new, message)))
            .await?
    }

    async fn find(
        &self,
        organization: &OrganizationId,
        username: &Username,
        kind: AccountCodeKind,
        digest: &CodeDigest,
    ) -> Result<Option<HeldAccountCode>, StoreError> {
        table::account_code::find(self.reader(), (organization, username), kind, digest).await
    }

    async fn spend(&self, code: &AccountCodeId) -> Result<bool, StoreError> {
        let code = code.clone();
        self.write(move |transaction| Box::pin(spend(transaction, code)))
            .await?
    }
}

async fn issue(
    transaction: &DatabaseTransaction,
    new: NewAccountCode,
    message: NewMessage,
) -> Result<bool, StoreError> {
    let user = table::user::lock(transaction, &new.code.user).await?;
    if !user.is_some_and(|user| user.is_active) {
        return Ok(false);
    }
    table::account_code::make_room(transaction, &new.code).await?;
    table::account_code::insert(transaction, &new).await?;
    table::message::insert_all(transaction, &[message]).await?;
    Ok(true)
}

async fn spend(transaction: &DatabaseTransaction, code: AccountCodeId) -> Result<bool, StoreError> {
    table::account_code::delete(transaction, &code).await
}

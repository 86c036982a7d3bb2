//! Keeping account codes.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::OrganizationId,
    message::NewMessage,
    text::Username,
    user::User,
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

    async fn spend(&self, code: &AccountCode) -> Result<bool, StoreError> {
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
    let NewAccountCode { code, .. } = &new;
    let can_have_it = |user: &User| match code.kind {
        AccountCodeKind::Registration => user.is_active && user.registered.is_none(),
        AccountCodeKind::Login | AccountCodeKind::Recovery => user.is_active,
    };
    let user = table::user::lock(transaction, &code.user).await?;
    if !user.as_ref().is_some_and(can_have_it) {
        return Ok(false);
    }
    table::account_code::issue(transaction, &code.user, &new).await?;
    table::message::insert_all(transaction, &[message]).await?;
    Ok(true)
}

async fn spend(transaction: &DatabaseTransaction, code: AccountCode) -> Result<bool, StoreError> {
    table::account_code::delete(transaction, &code.user, &code.id).await
}

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

use crate::{store::SqlStore, table};

#[async_trait]
impl AccountCodeStore for SqlStore {
    async fn issue(&self, new: NewAccountCode, message: NewMessage) -> Result<bool, StoreError> {
        self.write(async move |tx| {
            let (kind, user) = (new.code.kind, new.code.user.clone());
            let can_have_it = |user: &User| match kind {
                AccountCodeKind::Registration => user.is_active && user.registered.is_none(),
                AccountCodeKind::Login | AccountCodeKind::Recovery => user.is_active,
            };
            let locked = table::user::lock(&tx, &user).await?;
            if !locked.as_ref().is_some_and(can_have_it) {
                return Ok(false);
            }
            table::account_code::issue(&tx, &user, new).await?;
            table::message::insert_all(&tx, &[message]).await?;
            Ok(true)
        })
        .await
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
        let AccountCode { id, user, .. } = code.clone();
        self.write(async move |tx| table::account_code::delete(&tx, &user, &id).await)
            .await
    }
}

//! Removing what nobody needs any more.

use async_trait::async_trait;
use latchkey_domain::{account_code::AccountCodeKind, time::Timestamp};
use latchkey_service::ports::{
    event_store::LeftEvent, housekeeping_store::HousekeepingStore, store::StoreError,
};
use sea_orm::{
    ColumnTrait as _, EntityTrait, QueryFilter as _, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Condition, ExprTrait as _, LockBehavior, LockType},
};

use crate::{
    statement::{Change as _, is_in_batch},
    store::SqlStore,
    table::{account_code, code_request, credential, credential_code, event, message, spent},
};

#[async_trait]
impl HousekeepingStore for SqlStore {
    /// One short transaction per table, so that nobody waits long for the one writer of SQLite.
    async fn delete_expired(&self, before: Timestamp, batch: u32) -> Result<u64, StoreError> {
        // Those that are known are told. Others may have been left by a newer release that is gone for good.
        let events = event::is_unknown_before(before.minus(LeftEvent::KEPT));
        let events = event::Entity::find().filter(events);
        let before = before.unix_milliseconds();
        let things = spent::Entity::find().filter(spent::Column::Expires.lt(before));
        // The newest code of a user stays, and one with a claim for as long as the claim.
        let claim_is_over = Condition::any()
            .add(credential_code::Column::ClaimExpires.is_null())
            .add(credential_code::Column::ClaimExpires.lt(before));
        let codes = credential_code::Entity::find()
            .filter(credential_code::Column::IsNewest.into_expr().not())
            .filter(credential_code::Column::Expires.lt(before))
            .filter(claim_is_over);
        let requests =
            code_request::Entity::find().filter(code_request::Column::Expires.lt(before));
        // They have waited in vain.
        let credentials =
            credential::Entity::find().filter(credential::Column::WaitsUntil.lt(before));
        // One to register with stays: whoever comes with it is told that it has expired.
        let account_codes = account_code::Entity::find()
            .filter(account_code::Column::Expires.lt(before))
            .filter(account_code::Column::Kind.ne(AccountCodeKind::Registration.as_str()));
        let messages = message::Entity::find().filter(message::Column::Expires.lt(before));
        let deleted = [
            self.delete_batch(spent::Column::Id, things, batch).await?,
            self.delete_batch(credential_code::Column::Id, codes, batch)
                .await?,
            self.delete_batch(code_request::Column::Id, requests, batch)
                .await?,
            self.delete_batch(credential::Column::Id, credentials, batch)
                .await?,
            self.delete_batch(account_code::Column::Id, account_codes, batch)
                .await?,
            self.delete_batch(message::Column::Id, messages, batch)
                .await?,
            self.delete_batch(event::Column::Id, events, batch).await?,
        ];
        Ok(deleted.into_iter().fold(0, u64::saturating_add))
    }
}

impl SqlStore {
    /// Deletes at most `batch` of the selected rows. On PostgreSQL it passes over rows that somebody else
    /// works on, so that replicas which delete at the same time share the work instead of waiting.
    async fn delete_batch<E: EntityTrait>(
        &self,
        key: E::Column,
        rows: Select<E>,
        batch: u32,
    ) -> Result<u64, StoreError> {
        let keys = rows
            .select_only()
            .column(key)
            .limit(u64::from(batch))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_query();
        let deletion = E::delete_many().filter(is_in_batch(self.backend(), key, keys));
        self.write(async move |tx| deletion.count(&tx).await).await
    }
}

//! Reading users and their credentials, in one statement each.

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
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, JoinType, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, RelationTrait as _, sea_query::Expr,
};

use crate::{
    column::Joined,
    store::SqlStore,
    table::{credential, organization, user},
};

#[async_trait]
impl AccountStore for SqlStore {
    async fn find_by_username(
        &self,
        organization: &OrganizationId,
        username: &Username,
    ) -> Result<Option<Account>, StoreError> {
        self.account(user::is_called(organization, username)).await
    }

    async fn find(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        self.account(user::Column::Id.eq(user.as_str())).await
    }

    async fn find_credential(
        &self,
        organization: &OrganizationId,
        reference: &CredentialReference,
    ) -> Result<Option<HeldCredential>, StoreError> {
        let referred = match reference {
            CredentialReference::Id(id) => credential::Column::CredentialKey.eq(id.key()),
            CredentialReference::Uuid(uuid) => credential::Column::Id.eq(uuid.as_str()),
        };
        let held = credential::Entity::find()
            .find_both_related(user::Entity)
            .join(JoinType::InnerJoin, user::Relation::Organization.def())
            .filter(referred)
            .filter(credential::Column::OrganizationId.eq(organization.as_str()))
            .filter(organization::Column::IsActive.eq(true));
        let found = self
            .read(async move |reader| held.one(&reader).await.map_err(StoreError::new))
            .await?;
        let Some((credential, user)) = found else {
            return Ok(None);
        };
        Ok(Some(HeldCredential {
            credential: credential.try_into()?,
            user: user.into(),
        }))
    }
}

impl SqlStore {
    /// The user of whom this is so, with all credentials.
    async fn account(&self, condition: Expr) -> Result<Option<Account>, StoreError> {
        let held = user::Entity::find()
            .inner_join(organization::Entity)
            .join(JoinType::LeftJoin, credential::Relation::User.def().rev())
            .select_also(credential::Entity)
            .filter(condition)
            .filter(organization::Column::IsActive.eq(true))
            .order_by_asc(credential::Column::Created)
            .order_by_asc(credential::Column::Id);
        let rows = self
            .read(async move |reader| {
                let held = held.into_model::<user::Model, Joined<credential::Model>>();
                held.all(&reader).await.map_err(StoreError::new)
            })
            .await?;
        let mut account: Option<Account> = None;
        for (user, credential) in rows {
            let account = account.get_or_insert_with(|| Account {
                user: user.into(),
                credentials: vec![],
            });
            let credential = credential.map(|Joined(row)| row.try_into()).transpose()?;
            account.credentials.extend(credential);
        }
        Ok(account)
    }
}

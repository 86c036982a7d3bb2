//! Account codes, by digest.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::{AccountCodeId, OrganizationId, UserId},
    message::NewMessage,
    text::Username,
    time::Timestamp,
    user::User,
};
use latchkey_service::ports::{
    account_code_store::{AccountCodeStore, HeldAccountCode},
    store::StoreError,
};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, JoinType, QueryOrder as _, QuerySelect as _,
    QueryTrait as _, entity::prelude::*, sea_query::Condition,
};

use super::{message, organization, user};
use crate::{column, statement::Change as _, store::SqlStore};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "account_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<AccountCodeId>,
    pub user_id: Typed<UserId>,
    pub kind: Typed<AccountCodeKind>,
    pub digest: Vec<u8>,
    pub issued: Typed<Timestamp>,
    pub expires: Typed<Timestamp>,
}

refers_to!(UserId => User of user);

impl From<Model> for AccountCode {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.0,
            user: row.user_id.0,
            kind: row.kind.0,
            issued: row.issued.0,
            expires: row.expires.0,
        }
    }
}

#[async_trait]
impl AccountCodeStore for SqlStore {
    async fn issue(&self, new: NewAccountCode, message: NewMessage) -> Result<bool, StoreError> {
        self.write(async move |tx| {
            let (kind, user) = (new.code.kind, new.code.user.clone());
            let can_have_it = |user: &User| match kind {
                AccountCodeKind::Registration => user.is_active && user.registered.is_none(),
                AccountCodeKind::Login | AccountCodeKind::Recovery => user.is_active,
            };
            let locked = user::lock(&tx, &user).await?;
            if !locked.as_ref().is_some_and(can_have_it) {
                return Ok(false);
            }
            issue(&tx, &user, new).await?;
            message::insert_all(&tx, &[message]).await?;
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
        let held = Entity::find()
            .find_both_related(user::Entity)
            .join(JoinType::InnerJoin, user::Relation::Organization.def())
            .filter(Column::Digest.eq(digest.as_bytes().to_vec()))
            .filter(Column::Kind.eq(kind.as_str()))
            .filter(user::is_called(organization, username))
            .filter(organization::Column::IsActive.eq(true));
        let found = self
            .read(async move |reader| held.one(&reader).await.map_err(StoreError::new))
            .await?;
        Ok(found.map(|(code, user)| HeldAccountCode {
            code: code.into(),
            user: user.into(),
        }))
    }

    async fn spend(&self, code: &AccountCode) -> Result<bool, StoreError> {
        let AccountCode { id, user, .. } = code.clone();
        self.write(async move |tx| delete(&tx, &user, &id).await)
            .await
    }
}

/// Gives a user a code: beyond what a user can have of the kind, it takes the place of the oldest. The
/// user's row is locked, or was just made, so nobody adds one meanwhile.
pub(crate) async fn issue(
    transaction: &DatabaseTransaction,
    user: &UserId,
    new: NewAccountCode,
) -> Result<(), StoreError> {
    let NewAccountCode { code, digest } = new;
    let of_kind = Condition::all()
        .add(Column::UserId.eq(user.as_str()))
        .add(Column::Kind.eq(code.kind.as_str()));
    let newest = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(of_kind.clone())
        .order_by_desc(Column::Issued)
        .order_by_desc(Column::Id)
        .limit(code.kind.maximum_per_user() - 1)
        .into_query();
    Entity::delete_many()
        .filter(of_kind)
        .filter(Column::Id.not_in_subquery(newest))
        .count(transaction)
        .await?;
    let row = Model {
        id: code.id.into(),
        user_id: user.clone().into(),
        kind: code.kind.into(),
        digest: digest.as_bytes().to_vec(),
        issued: code.issued.into(),
        expires: code.expires.into(),
    };
    let made = Entity::insert(row.into_active_model());
    made.count(transaction).await.map(|_one| ())
}

/// Uses a code of that user up; `false` when it is not there any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
    code: &AccountCodeId,
) -> Result<bool, StoreError> {
    Entity::delete_many()
        .filter(Column::Id.eq(code.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .meets_one(transaction)
        .await
}

/// Deletes every code of a user, of any kind.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<u64, StoreError> {
    let codes = Entity::delete_many().filter(Column::UserId.eq(user.as_str()));
    codes.count(transaction).await
}

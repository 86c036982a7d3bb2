//! Account codes, by digest.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::{AccountCodeId, OrganizationId, UserId},
    message::NewMessage,
    text::Username,
    time::Timestamp,
    user::{Epoch, User},
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
    pub epoch: Typed<Epoch>,
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
            epoch: row.epoch.0,
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
            let user = user::lock_and_read(&tx, &new.code.user).await?;
            if !user.is_some_and(|user| new.code.serves(&user)) || !has_room(&tx, &new.code).await?
            {
                return Ok(false);
            }
            let over = Entity::delete_many()
                .filter(alike(&new.code))
                .filter(is_over_beside(&new.code));
            over.count(&tx).await?;
            insert(&tx, new).await?;
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
            .filter(user::is_called(organization.as_str(), username.key()))
            .filter(organization::Column::IsActive.eq(true));
        let found = self
            .read(async move |reader| held.one(&reader).await.map_err(StoreError::new))
            .await?;
        Ok(found.map(|(code, user)| HeldAccountCode {
            code: code.into(),
            user: user.into(),
        }))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<AccountCode>, StoreError> {
        let codes = Entity::find()
            .filter(Column::UserId.eq(user.as_str()))
            .order_by_asc(Column::Issued)
            .order_by_asc(Column::Id);
        let found = self
            .read(async move |reader| codes.all(&reader).await.map_err(StoreError::new))
            .await?;
        Ok(found.into_iter().map(AccountCode::from).collect())
    }

    async fn spend(&self, code: &AccountCode) -> Result<bool, StoreError> {
        let AccountCode { id, user, .. } = code.clone();
        self.write(async move |tx| delete(&tx, &user, &id).await)
            .await
    }
}

/// Gives a user, whose row is locked or was just made, a code in place of every earlier one of its kind.
pub(crate) async fn replace(
    transaction: &DatabaseTransaction,
    user: &User,
    new: NewAccountCode,
) -> Result<(), StoreError> {
    let code = AccountCode {
        user: user.id.clone(),
        epoch: user.epoch,
        ..new.code
    };
    let earlier = Entity::delete_many().filter(alike(&code));
    earlier.count(transaction).await?;
    message::delete_codes(transaction, message::is_for(&user.id), &[code.kind]).await?;
    insert(transaction, NewAccountCode { code, ..new }).await
}

/// Whether the owner, whose row is locked, can have one more of its kind.
async fn has_room(
    transaction: &DatabaseTransaction,
    code: &AccountCode,
) -> Result<bool, StoreError> {
    let live = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(alike(code))
        .filter(counts_beside(code))
        .into_tuple::<String>()
        .all(transaction)
        .await;
    Ok(live.map_err(StoreError::new)?.len() < AccountCode::MAXIMUM_LIVE)
}

/// Those of the same owner and kind.
fn alike(code: &AccountCode) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(code.user.as_str()))
        .add(Column::Kind.eq(code.kind.as_str()))
}

/// Of those: that it is live as this one is issued, and of the same epoch. A release that knew no epochs of
/// codes could leave one of an epoch that has ended.
fn counts_beside(code: &AccountCode) -> Condition {
    Condition::all()
        .add(Column::Epoch.eq(code.epoch.number()))
        .add(Column::Expires.gt(code.issued.unix_milliseconds()))
}

/// Of those: that nothing which was begun with it can be completed any more.
fn is_over_beside(code: &AccountCode) -> Condition {
    let expired = code.issued.minus(AccountCode::KEPT_AFTER_EXPIRY);
    Condition::any()
        .add(Column::Epoch.ne(code.epoch.number()))
        .add(Column::Expires.lte(expired.unix_milliseconds()))
}

async fn insert(transaction: &DatabaseTransaction, new: NewAccountCode) -> Result<(), StoreError> {
    let NewAccountCode { code, digest } = new;
    let row = Model {
        id: code.id.into(),
        user_id: code.user.into(),
        epoch: code.epoch.into(),
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

/// Uses up a code to register with, and with it all others of that user, whose row is locked: nobody registers twice.
/// `false` when it is not there any more.
pub(crate) async fn delete_to_register(
    transaction: &DatabaseTransaction,
    user: &UserId,
    code: &AccountCodeId,
) -> Result<bool, StoreError> {
    let this_one = Entity::find_by_id(code.clone())
        .filter(Column::UserId.eq(user.as_str()))
        .into_query();
    let codes = Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::Kind.eq(AccountCodeKind::Registration.as_str()))
        .filter(Expr::exists(this_one));
    let is_used = codes.count(transaction).await? > 0;
    if is_used {
        let kinds = [AccountCodeKind::Registration];
        message::delete_codes(transaction, message::is_for(user), &kinds).await?;
    }
    Ok(is_used)
}

/// Deletes every code of a user, of any kind, and what was to bring it; gives how many codes that were.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<u64, StoreError> {
    let codes = Entity::delete_many().filter(Column::UserId.eq(user.as_str()));
    let deleted = codes.count(transaction).await?;
    let kinds = AccountCodeKind::ALL;
    message::delete_codes(transaction, message::is_for(user), kinds).await?;
    Ok(deleted)
}

/// The same for everybody.
pub(crate) async fn delete_all_of_everybody(
    transaction: &DatabaseTransaction,
) -> Result<(), StoreError> {
    let codes = Entity::delete_many();
    codes.count(transaction).await?;
    message::delete_codes(transaction, Condition::all(), AccountCodeKind::ALL).await
}

//! Organizations.

use latchkey_domain::{
    id::OrganizationId,
    organization::{Approval, CodeSignIn, Freshness, Organization, RequestsFrom, Setting},
    text::OrganizationName,
    time::Timestamp,
};
use latchkey_service::ports::{administration_store::RenameOrganizationError, store::StoreError};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, QuerySelect as _, SqlErr,
    entity::prelude::*,
    sea_query::{ExprTrait as _, LockType, OnConflict},
};

use crate::{
    column::{self, Stored as _},
    connection::Reader,
    statement::{self, Change as _},
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<OrganizationId>,
    pub name: Typed<OrganizationName>,
    pub approval: Typed<Approval>,
    /// Empty where nothing is fresh.
    pub freshness: Option<Typed<Freshness>>,
    pub code_sign_in: Typed<CodeSignIn>,
    /// Empty where no place may ask.
    pub requests_from: Option<Typed<RequestsFrom>>,
    pub is_active: bool,
    pub created: Typed<Timestamp>,
}

refers_to!();

impl From<Model> for Organization {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.0,
            name: row.name.0,
            approval: row.approval.0,
            freshness: row.freshness.map(Typed::into_inner).unwrap_or_default(),
            code_sign_in: row.code_sign_in.0,
            requests_from: row.requests_from.map(Typed::into_inner).unwrap_or_default(),
            is_active: row.is_active,
            created: row.created.0,
        }
    }
}

/// Makes an organization; `false` when its name is taken.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    organization: &Organization,
) -> Result<bool, StoreError> {
    let row = Model {
        id: organization.id.clone().into(),
        name: organization.name.clone().into(),
        approval: organization.approval.into(),
        freshness: kept(organization.freshness).map(Typed::from),
        code_sign_in: organization.code_sign_in.into(),
        requests_from: kept(organization.requests_from).map(Typed::from),
        is_active: organization.is_active,
        created: organization.created.into(),
    };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::Name).do_nothing().to_owned())
        .meets_one(transaction)
        .await
}

/// Whether there is that organization, active or not; until the transaction ends it is not deleted.
pub(crate) async fn exists(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(organization.clone()).lock(LockType::KeyShare);
    statement::any(transaction, row).await
}

/// Locks an organization until the transaction ends, also against whoever refers to it; `false` when there is no such
/// organization.
pub(crate) async fn lock_against_all(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(organization.clone()).lock(LockType::Update);
    statement::any(transaction, row).await
}

/// Gives an organization another name; `false` when it is called so already, or there is no such organization. When
/// the name is taken the transaction must be rolled back.
pub(crate) async fn rename(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    name: &OrganizationName,
) -> Result<bool, RenameOrganizationError> {
    let renamed = Entity::update_many()
        .col_expr(Column::Name, Expr::value(name.as_str()))
        .filter(Column::Id.eq(organization.as_str()))
        .filter(Column::Name.ne(name.as_str()))
        .exec(transaction)
        .await;
    match renamed {
        Ok(renamed) => Ok(renamed.rows_affected > 0),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(RenameOrganizationError::NameTaken)
        }
        Err(error) => Err(StoreError::new(error).into()),
    }
}

/// Deletes an organization, whose row is locked and to which nothing refers any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    let row = Entity::delete_many().filter(Column::Id.eq(organization.as_str()));
    row.count(transaction).await.map(|_one| ())
}

/// Locks an organization until the transaction ends: whoever makes users or changes who is an administrator, acts as
/// one on another user, or deletes the organization, begins with this; `false` when there is no such organization.
/// (`NO KEY UPDATE`: what refers to it can be made and changed meanwhile.)
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(organization.clone()).lock(LockType::NoKeyUpdate);
    statement::any(transaction, row).await
}

/// Whether credentials made with a code wait for their owner; nothing when there is no such organization.
pub(crate) async fn approval(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<Option<Approval>, StoreError> {
    let found = Entity::find_by_id(organization.clone())
        .select_only()
        .columns([Column::Approval, Column::Id])
        .into_tuple::<(Typed<Approval>, String)>()
        .one(transaction)
        .await;
    let found = found.map_err(StoreError::new)?;
    Ok(found.map(|(approval, _organization)| approval.0))
}

/// Whether an organization exists that still asks for approval, or for none.
pub(crate) fn asks(organization: Value, approval: Value) -> Expr {
    let that = Entity::find().filter(Column::Id.eq(organization));
    statement::exists(that.filter(Column::Approval.eq(approval)))
}

/// Whether an organization exists that is active.
pub(crate) fn is_active(organization: Expr) -> Expr {
    let that = Entity::find().filter(Column::Id.into_expr().eq(organization));
    statement::exists(that.filter(Column::IsActive.eq(true)))
}

/// Whether an organization exists that is active and lets places ask as said.
pub(crate) fn lets_ask(organization: &OrganizationId, from: &[RequestsFrom]) -> Expr {
    let from = from.iter().copied().map(RequestsFrom::as_str);
    let that = Entity::find()
        .filter(Column::Id.eq(organization.as_str()))
        .filter(Column::IsActive.eq(true))
        .filter(Column::RequestsFrom.is_in(from));
    statement::exists(that)
}

/// Sets what an organization says, or that it says nothing; `false` when that was so already, or there is no such
/// organization.
pub(crate) async fn set(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    setting: Setting,
) -> Result<bool, StoreError> {
    let (column, wanted): (_, Option<Value>) = match setting {
        Setting::Approval(approval) => (Column::Approval, Some(approval.as_str().into())),
        Setting::CodeSignIn(sign_in) => (Column::CodeSignIn, Some(sign_in.as_str().into())),
        Setting::Freshness(freshness) => (
            Column::Freshness,
            kept(freshness).map(|freshness| freshness.keep().into()),
        ),
        Setting::RequestsFrom(from) => (
            Column::RequestsFrom,
            kept(from).map(|from| from.as_str().into()),
        ),
    };
    let (value, is_another) = match wanted {
        Some(wanted) => {
            let is_another = column.is_null().or(column.ne(wanted.clone()));
            (Expr::value(wanted), is_another)
        }
        None => (Expr::cust("NULL"), column.is_not_null()),
    };
    Entity::update_many()
        .col_expr(column, value)
        .filter(Column::Id.eq(organization.as_str()))
        .filter(is_another)
        .meets_one(transaction)
        .await
}

/// How it is kept: what is so without being said is not said.
fn kept<T: Default + PartialEq>(setting: T) -> Option<T> {
    (setting != T::default()).then_some(setting)
}

/// Whether there is any organization.
pub(crate) async fn any(reader: &Reader) -> Result<bool, StoreError> {
    statement::any(reader, Entity::find()).await
}

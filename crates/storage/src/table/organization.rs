//! Organizations.

use latchkey_domain::{
    id::OrganizationId,
    organization::{Approval, Organization},
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
    sea_query::{Expr, LockType, OnConflict},
};

use crate::{
    entity::organization::{ActiveModel, Column, Entity},
    transaction::exactly_one,
};

const TABLE: &str = "organizations";

/// Makes an organization; `false` when its name is taken.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    organization: &Organization,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        id: Set(organization.id.to_string()),
        name: Set(organization.name.to_string()),
        approval: Set(organization.approval.to_string()),
        is_active: Set(organization.is_active),
        created: Set(organization.created.unix_milliseconds()),
    };
    let rows = Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Name).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, rows)?)
}

/// Whether there is that organization, active or not.
pub(crate) async fn exists(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<bool, StoreError> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(organization.as_str()))
        .into_tuple::<String>()
        .one(transaction)
        .await
        .map(|found| found.is_some())
        .map_err(StoreError::new)
}

/// Locks an organization until the transaction ends: whoever changes who is an administrator, or acts as
/// one on another user, begins with this. (`NO KEY UPDATE`: users can be made meanwhile.)
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(organization.as_str()))
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<String>()
        .one(transaction)
        .await
        .map(|_found| ())
        .map_err(StoreError::new)
}

/// Sets whether credentials made with a code wait for their owner; `false` when there is no such
/// organization.
pub(crate) async fn set_approval(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    approval: Approval,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::Approval, Expr::value(approval.as_str()))
        .filter(Column::Id.eq(organization.as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Whether there is any organization.
pub(crate) async fn any(reader: &DatabaseConnection) -> Result<bool, StoreError> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .limit(1)
        .into_tuple::<String>()
        .one(reader)
        .await
        .map(|found| found.is_some())
        .map_err(StoreError::new)
}

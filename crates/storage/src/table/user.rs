//! Users.

use latchkey_domain::{
    id::{OrganizationId, UserId},
    text::{ExternalId, Username},
    time::Timestamp,
    user::{Epoch, User},
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, LockType, OnConflict},
};

use crate::{
    entity::user::{ActiveModel, Column, Entity, Model},
    row::{Inconsistency, Row, moment},
    transaction::exactly_one,
};

const TABLE: &str = "users";

/// The user of a row.
pub(crate) fn from_row(model: &Model) -> Result<User, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    Ok(User {
        id: row.value("id", model.id.parse())?,
        organization: row.value("organization_id", model.organization_id.parse())?,
        username: row.value("username", Username::new(model.username.as_str()))?,
        kind: row.value("kind", model.kind.parse())?,
        external_id: row.optional("external_id", model.external_id.as_ref(), |id| {
            ExternalId::new(id.as_str())
        })?,
        is_administrator: model.is_administrator,
        is_active: model.is_active,
        epoch: Epoch::new(model.epoch),
        registered: model.registered.map(moment),
        created: moment(model.created),
    })
}

/// Makes a user; `false` when the organization has one of that name or external id.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        id: Set(user.id.to_string()),
        organization_id: Set(user.organization.to_string()),
        username: Set(user.username.to_string()),
        username_key: Set(user.username.key()),
        kind: Set(user.kind.to_string()),
        external_id: Set(user.external_id.as_ref().map(ToString::to_string)),
        is_administrator: Set(user.is_administrator),
        is_active: Set(user.is_active),
        epoch: Set(user.epoch.number()),
        registered: Set(user.registered.map(Timestamp::unix_milliseconds)),
        created: Set(user.created.unix_milliseconds()),
    };
    let rows = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, rows)?)
}

/// Locks a user until the transaction ends and gives the user as of now. Everything that changes
/// anything of a user begins with this. (`NO KEY UPDATE`: rows that refer to the user can be made
/// meanwhile, changes cannot.)
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<User>, StoreError> {
    lock_where(transaction, Column::Id.eq(user.as_str())).await
}

/// Locks the user of that name.
pub(crate) async fn lock_by_username(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    username: &Username,
) -> Result<Option<User>, StoreError> {
    lock_where(transaction, is_called(organization, username)).await
}

async fn lock_where(
    transaction: &DatabaseTransaction,
    condition: Expr,
) -> Result<Option<User>, StoreError> {
    let found = Entity::find()
        .filter(condition)
        .lock(LockType::NoKeyUpdate)
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(found.as_ref().map(from_row).transpose()?)
}

/// The user of that name.
pub(crate) fn is_called(organization: &OrganizationId, username: &Username) -> Expr {
    Column::OrganizationId
        .eq(organization.as_str())
        .and(Column::UsernameKey.eq(username.key()))
}

/// Notes that a user registered; `false` when that was noted before.
pub(crate) async fn set_registered(
    transaction: &DatabaseTransaction,
    user: &UserId,
    date: Timestamp,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::Registered, Expr::value(date.unix_milliseconds()))
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::Registered.is_null())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Ends the given epoch of a user and begins the next; `false` when it had ended before.
pub(crate) async fn raise_epoch(
    transaction: &DatabaseTransaction,
    user: &UserId,
    epoch: Epoch,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1_i64))
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::Epoch.eq(epoch.number()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Makes a user active who is not, or the reverse; `false` when it was so already.
pub(crate) async fn set_active(
    transaction: &DatabaseTransaction,
    user: &UserId,
    active: bool,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::IsActive, Expr::value(active))
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::IsActive.eq(!active))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Makes a user an administrator who is none, or the reverse; `false` when it was so already.
pub(crate) async fn set_administrator(
    transaction: &DatabaseTransaction,
    user: &UserId,
    administrator: bool,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::IsAdministrator, Expr::value(administrator))
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::IsAdministrator.eq(!administrator))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes a user, whose row is locked and to whom nothing refers any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    Entity::delete_by_id(user.as_str())
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// The organization that a user belongs to, which never changes.
pub(crate) async fn organization_of(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<OrganizationId>, StoreError> {
    let found = Entity::find_by_id(user.as_str())
        .select_only()
        .column(Column::OrganizationId)
        .into_tuple::<String>()
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    let row = Row {
        table: TABLE,
        key: user.as_str(),
    };
    let organization = found.map(|text| row.value("organization_id", text.parse()));
    Ok(organization.transpose()?)
}

/// Whether the organization, whose row is locked, has an active administrator besides this user.
pub(crate) async fn has_another_administrator(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<bool, StoreError> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganizationId.eq(user.organization.as_str()))
        .filter(Column::IsAdministrator.eq(true))
        .filter(Column::IsActive.eq(true))
        .filter(Column::Id.ne(user.id.as_str()))
        .limit(1)
        .into_tuple::<String>()
        .one(transaction)
        .await
        .map(|found| found.is_some())
        .map_err(StoreError::new)
}

//! Credentials.

pub(crate) mod columns;

use latchkey_domain::{
    authority::Spend,
    credential::{Credential, CredentialId, CredentialKind, CredentialReference, CredentialState},
    id::{CredentialUuid, OrganizationId, UserId},
    time::Timestamp,
};
use latchkey_service::ports::{
    account_store::HeldCredential, credential_store::NewName, sign_in_store::CredentialUse,
    store::StoreError,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, DeleteMany, EntityTrait as _,
    JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _, OnConflict},
};

use crate::{
    entity::{
        credential::{ActiveModel, Column, Entity},
        organization, user,
    },
    row::{Inconsistency, Row},
    table,
    transaction::exactly_one,
};

const TABLE: &str = "credentials";

/// Makes a credential; `false` when the organization has one of that credential id.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let key = [Column::OrganizationId, Column::CredentialKey];
    let rows = Entity::insert(columns::to_row(credential))
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, rows)?)
}

/// What the rules about all credentials of a user need to know of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Identifies it.
    pub(crate) uuid: CredentialUuid,
    /// Whether it can sign in when it is active.
    pub(crate) signs_in: bool,
    /// Whether it is active, or waits.
    pub(crate) state: CredentialState,
}

impl Summary {
    /// Whether it can sign in.
    pub(crate) const fn is_usable(&self) -> bool {
        matches!(self.state, CredentialState::Active) && self.signs_in
    }
}

/// All credentials of a user whose row is locked.
pub(crate) async fn summaries(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Vec<Summary>, StoreError> {
    let rows = Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::Kind,
            Column::IsActive,
            Column::WaitsUntil,
        ])
        .filter(Column::UserId.eq(user.as_str()))
        .into_tuple::<(String, String, bool, Option<i64>)>()
        .all(transaction)
        .await
        .map_err(StoreError::new)?;
    let summaries = rows
        .iter()
        .map(|(id, kind, is_active, waits_until)| {
            let row = Row {
                table: TABLE,
                key: id,
            };
            let kind: CredentialKind = row.value("kind", kind.parse())?;
            Ok(Summary {
                uuid: row.value("id", id.parse())?,
                signs_in: kind.signs_in(),
                state: columns::state(row, *is_active, *waits_until)?,
            })
        })
        .collect::<Result<_, Inconsistency>>()?;
    Ok(summaries)
}

/// Makes a credential active that is not, and notes when, because its earlier sessions stay ended;
/// `false` when it is active.
pub(crate) async fn activate(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let change = ActiveModel {
        is_active: Set(true),
        activated: Set(Some(at.unix_milliseconds())),
        ..ActiveModel::default()
    };
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsActive.eq(false))
        .filter(Column::WaitsUntil.is_null())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Makes a credential active that waits; `false` when it does not, or not any more at that moment.
pub(crate) async fn approve(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let change = ActiveModel {
        is_active: Set(true),
        waits_until: Set(None),
        ..ActiveModel::default()
    };
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::WaitsUntil.gt(at.unix_milliseconds()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes what waits of a user.
pub(crate) async fn delete_waiting(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::WaitsUntil.is_not_null())
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// Deletes a credential of that credential id which has waited in vain, whoever's it is, so that the id
/// is free; `false` when there is none.
pub(crate) async fn delete_gone(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    id: &CredentialId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let result = Entity::delete_many()
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(Column::CredentialKey.eq(id.key()))
        .filter(Column::WaitsUntil.lte(at.unix_milliseconds()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes at most `batch` credentials that had waited in vain before `before`.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    let expired = Entity::find().filter(Column::WaitsUntil.lt(before.unix_milliseconds()));
    table::delete_batch::<Entity>(transaction, Column::Id, expired, batch).await
}

/// Makes a credential inactive; `false` when it is.
pub(crate) async fn deactivate(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::IsActive, Expr::value(false))
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsActive.eq(true))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Gives a credential another name; `false` when there is none, or it waits.
pub(crate) async fn rename(
    transaction: &DatabaseTransaction,
    user: &UserId,
    new: &NewName,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::Name, Expr::value(new.name.as_str()))
        .filter(Column::Id.eq(new.credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::WaitsUntil.is_null())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// A credential of a user, inside a transaction.
pub(crate) async fn of_user(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<Option<Credential>, StoreError> {
    let found = Entity::find()
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(found.map(columns::from_row).transpose()?)
}

/// Deletes a credential; `false` when there is none.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<bool, StoreError> {
    let result = Entity::delete_many()
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes the credential of that credential id that a user has besides these, if there is one.
pub(crate) async fn delete_other(
    transaction: &DatabaseTransaction,
    user: &UserId,
    kept: &[Credential],
    id: &CredentialId,
) -> Result<(), StoreError> {
    others(user, kept)
        .filter(Column::CredentialKey.eq(id.key()))
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// Deletes every credential that a user has besides these.
pub(crate) async fn delete_others(
    transaction: &DatabaseTransaction,
    user: &UserId,
    kept: &[Credential],
) -> Result<(), StoreError> {
    others(user, kept)
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

fn others(user: &UserId, kept: &[Credential]) -> DeleteMany<Entity> {
    let kept = kept.iter().map(|credential| credential.uuid.as_str());
    Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::Id.is_not_in(kept))
}

/// Deletes every credential of a user, whose row is locked.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// The oldest credential of a user, active or not.
pub(crate) async fn oldest(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<CredentialUuid>, StoreError> {
    let found = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::UserId.eq(user.as_str()))
        .order_by_asc(Column::Created)
        .order_by_asc(Column::Id)
        .limit(1)
        .into_tuple::<String>()
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(found.as_deref().map(uuid_of_row).transpose()?)
}

/// The id in a row that is read for nothing else.
pub(crate) fn uuid_of_row(id: &str) -> Result<CredentialUuid, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: id,
    };
    row.value("id", id.parse())
}

/// Records a use; `false` when the counter that came with it is not beyond the one kept (and not both
/// are 0), or there is no such credential.
pub(crate) async fn record_use(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential_use: &CredentialUse,
) -> Result<bool, StoreError> {
    let mut change = ActiveModel {
        last_used: Set(Some(credential_use.date.unix_milliseconds())),
        ..ActiveModel::default()
    };
    let mut guard = Condition::all();
    if let Some(state) = &credential_use.state {
        let count = i64::from(state.sign_count);
        change.sign_count = Set(Some(count));
        change.backed_up = Set(Some(state.backed_up));
        let mut grows = Condition::any().add(Column::SignCount.lt(count));
        if count == 0 {
            grows = grows.add(Column::SignCount.eq(0_i64));
        }
        guard = guard.add(grows);
    }
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential_use.credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(guard)
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Notes when a counter went back; `false` when the challenge was spent before.
pub(crate) async fn note_counter_regression(
    transaction: &DatabaseTransaction,
    credential: &CredentialUuid,
    challenge: &Spend,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(
            Column::CounterRegressedAt,
            Expr::value(at.unix_milliseconds()),
        )
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Expr::exists(table::spent::entry(&challenge.id)).not())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// The credential that a client refers to, and its owner.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    organization: &OrganizationId,
    reference: &CredentialReference,
) -> Result<Option<HeldCredential>, StoreError> {
    let referred = match reference {
        CredentialReference::Id(id) => Column::CredentialKey.eq(id.key()),
        CredentialReference::Uuid(uuid) => Column::Id.eq(uuid.as_str()),
    };
    let found = Entity::find()
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .select_also(user::Entity)
        .filter(referred)
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((credential, Some(user))) = found else {
        return Ok(None);
    };
    Ok(Some(HeldCredential {
        credential: columns::from_row(credential)?,
        user: table::user::from_row(&user)?,
    }))
}

//! Account codes, by digest.

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::{AccountCodeId, OrganizationId, UserId},
    text::Username,
    time::Timestamp,
};
use latchkey_service::ports::{account_code_store::HeldAccountCode, store::StoreError};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _,
    JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    RelationTrait as _, sea_query::Condition,
};

use crate::{
    entity::{
        account_code::{ActiveModel, Column, Entity, Model},
        organization, user,
    },
    row::{Inconsistency, Row, moment},
    table,
    transaction::exactly_one,
};

const TABLE: &str = "account_codes";

fn from_row(model: &Model) -> Result<AccountCode, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    Ok(AccountCode {
        id: row.value("id", model.id.parse())?,
        user: row.value("user_id", model.user_id.parse())?,
        kind: row.value("kind", model.kind.parse())?,
        issued: moment(model.issued),
        expires: moment(model.expires),
    })
}

/// Gives a user a code: beyond what a user can have of the kind, it takes the place of the oldest. The
/// user's row is locked, or was just made, so nobody adds one meanwhile.
pub(crate) async fn issue(
    transaction: &DatabaseTransaction,
    user: &UserId,
    new: &NewAccountCode,
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
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    let row = ActiveModel {
        id: Set(code.id.to_string()),
        user_id: Set(user.to_string()),
        kind: Set(code.kind.to_string()),
        digest: Set(digest.as_bytes().to_vec()),
        issued: Set(code.issued.unix_milliseconds()),
        expires: Set(code.expires.unix_milliseconds()),
    };
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map(|_rows| ())
        .map_err(StoreError::new)
}

/// The code of that kind and digest, if it is of the user of that organization and name.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    (organization, username): (&OrganizationId, &Username),
    kind: AccountCodeKind,
    digest: &CodeDigest,
) -> Result<Option<HeldAccountCode>, StoreError> {
    let found = Entity::find()
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .select_also(user::Entity)
        .filter(Column::Digest.eq(digest.as_bytes().to_vec()))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(user::Column::OrganizationId.eq(organization.as_str()))
        .filter(user::Column::UsernameKey.eq(username.key()))
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((code, Some(user))) = found else {
        return Ok(None);
    };
    Ok(Some(HeldAccountCode {
        code: from_row(&code)?,
        user: table::user::from_row(&user)?,
    }))
}

/// Uses a code of that user up; `false` when it is not there any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
    code: &AccountCodeId,
) -> Result<bool, StoreError> {
    let result = Entity::delete_many()
        .filter(Column::Id.eq(code.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes every code of a user, of any kind.
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

/// Deletes at most `batch` codes that expired before `before`. One to register with stays: whoever comes
/// with it is told that it has expired.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    table::delete_batch::<Entity>(
        transaction,
        Column::Id,
        Entity::find()
            .filter(Column::Expires.lt(before.unix_milliseconds()))
            .filter(Column::Kind.ne(AccountCodeKind::Registration.as_str())),
        batch,
    )
    .await
}

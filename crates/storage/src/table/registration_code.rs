//! Registration codes, by digest.

use latchkey_domain::{
    credential_code::CodeDigest,
    id::{OrganizationId, RegistrationCodeId, UserId},
    registration_code::RegistrationCode,
    text::Username,
};
use latchkey_service::ports::{registration_store::HeldRegistrationCode, store::StoreError};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _,
    JoinType, QueryFilter as _, QuerySelect as _, RelationTrait as _,
};

use crate::{
    entity::{
        organization,
        registration_code::{ActiveModel, Column, Entity, Model},
        user,
    },
    row::{Inconsistency, Row, moment},
    table,
    transaction::exactly_one,
};

const TABLE: &str = "registration_codes";

fn from_row(model: &Model) -> Result<RegistrationCode, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    Ok(RegistrationCode {
        id: row.value("id", model.id.parse())?,
        user: row.value("user_id", model.user_id.parse())?,
        issued: moment(model.issued),
        expires: moment(model.expires),
    })
}

/// Gives a user a code in place of any earlier one. The user's row is locked, or was just made.
pub(crate) async fn replace(
    transaction: &DatabaseTransaction,
    user: &UserId,
    code: &RegistrationCode,
    digest: &CodeDigest,
) -> Result<(), StoreError> {
    delete_all(transaction, user).await?;
    let row = ActiveModel {
        id: Set(code.id.to_string()),
        user_id: Set(user.to_string()),
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

/// Deletes every code of a user, whose row is locked.
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

/// Uses up a code of that user; `false` when it is not there any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
    code: &RegistrationCodeId,
) -> Result<bool, StoreError> {
    let result = Entity::delete_many()
        .filter(Column::Id.eq(code.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// The code of that digest, if it is for the user of that organization and name.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    organization: &OrganizationId,
    username: &Username,
    digest: &CodeDigest,
) -> Result<Option<HeldRegistrationCode>, StoreError> {
    let found = Entity::find()
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .select_also(user::Entity)
        .filter(Column::Digest.eq(digest.as_bytes().to_vec()))
        .filter(user::Column::OrganizationId.eq(organization.as_str()))
        .filter(user::Column::UsernameKey.eq(username.key()))
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((code, Some(user))) = found else {
        return Ok(None);
    };
    Ok(Some(HeldRegistrationCode {
        code: from_row(&code)?,
        user: table::user::from_row(&user)?,
    }))
}

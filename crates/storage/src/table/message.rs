//! Messages that wait to be sent.

use latchkey_domain::{id::UserId, message::NewMessage};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
};

use crate::entity::message::{ActiveModel, Column, Entity};

/// Keeps messages with the change they tell about, due at once: one statement, and none when there is
/// nothing to tell.
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    messages: &[NewMessage],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows = messages.iter().map(|message| ActiveModel {
        id: Set(message.id.to_string()),
        user_id: Set(message.user.to_string()),
        kind: Set(message.kind.to_string()),
        sealed: Set(message.sealed.as_bytes().to_vec()),
        created: Set(message.created.unix_milliseconds()),
        expires: Set(message.expires.unix_milliseconds()),
        due: Set(message.created.unix_milliseconds()),
        attempts: Set(0),
    });
    Entity::insert_many(rows)
        .exec_without_returning(transaction)
        .await
        .map(|_rows| ())
        .map_err(StoreError::new)
}

/// Deletes every message of a user, whose row is locked.
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

//! Messages that wait to be sent, sealed.

use latchkey_domain::{
    id::{MessageId, UserId},
    message::{MessageKind, NewMessage, SealedText},
    time::Timestamp,
};
use latchkey_service::ports::{
    message_store::{ClaimedMessage, WaitingMessage},
    store::StoreError,
};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    entity::prelude::*,
    sea_query::{Condition, ExprTrait as _, LockBehavior, LockType},
};

use super::user;
use crate::{
    column,
    statement::{self, Change as _},
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<MessageId>,
    pub user_id: Typed<UserId>,
    pub kind: Typed<MessageKind>,
    pub sealed: Typed<SealedText>,
    pub created: Typed<Timestamp>,
    pub expires: Typed<Timestamp>,
    /// From when on somebody may take it to send it.
    pub due: Typed<Timestamp>,
    /// How often somebody took it.
    pub attempts: i32,
}

refers_to!(UserId => User of user);

fn waiting_message((row, to): (Model, user::Model)) -> WaitingMessage {
    WaitingMessage {
        id: row.id.0,
        kind: row.kind.0,
        to: to.username.0,
        sealed: row.sealed.0,
        created: row.created.0,
        expires: row.expires.0,
    }
}

/// Keeps messages with the change they tell about, due at once: one statement, and none when there is
/// nothing to tell.
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    messages: &[NewMessage],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows = messages.iter().map(|message| {
        let row = Model {
            id: message.id.clone().into(),
            user_id: message.user.clone().into(),
            kind: message.kind.into(),
            sealed: message.sealed.clone().into(),
            created: message.created.into(),
            expires: message.expires.into(),
            due: message.created.into(),
            attempts: 0,
        };
        row.into_active_model()
    });
    Entity::insert_many(rows)
        .exec_without_returning(transaction)
        .await
        .map(|_rows| ())
        .map_err(StoreError::new)
}

/// What may be taken at `now`.
fn is_due(now: Timestamp) -> Condition {
    Condition::all()
        .add(Column::Due.lte(now.unix_milliseconds()))
        .add(Column::Expires.gt(now.unix_milliseconds()))
}

/// Whether anything is due.
pub(crate) async fn any_due(
    reader: &DatabaseConnection,
    now: Timestamp,
) -> Result<bool, StoreError> {
    statement::any(reader, Entity::find().filter(is_due(now))).await
}

/// Takes at most `batch` of what is due until `until`. On PostgreSQL it passes over what another
/// process takes at the same moment, and what it waited for all the same is not due any more.
pub(crate) async fn claim(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    until: Timestamp,
    batch: u32,
) -> Result<Vec<ClaimedMessage>, StoreError> {
    let due = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_due(now))
        .order_by_asc(Column::Due)
        .limit(u64::from(batch))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_query();
    let taken: Vec<Model> = Entity::update_many()
        .col_expr(Column::Due, Expr::value(until.unix_milliseconds()))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i32))
        .filter(Column::Id.in_subquery(due))
        .filter(is_due(now))
        .exec_with_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    let ids = taken.into_iter().map(|row| row.id);
    let taken = addressed(transaction, Column::Id.is_in(ids)).await?;
    let claimed = taken.into_iter().map(|(row, to)| ClaimedMessage {
        attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        message: waiting_message((row, to)),
        lease: until,
    });
    Ok(claimed.collect())
}

/// Messages with their users, oldest first.
async fn addressed(
    connection: &impl ConnectionTrait,
    condition: Expr,
) -> Result<Vec<(Model, user::Model)>, StoreError> {
    Entity::find()
        .find_both_related(user::Entity)
        .filter(condition)
        .order_by_asc(Column::Created)
        .order_by_asc(Column::Id)
        .all(connection)
        .await
        .map_err(StoreError::new)
}

/// That a message is still with who took it.
fn is_with(claimed: &ClaimedMessage) -> Condition {
    Condition::all()
        .add(Column::Id.eq(claimed.message.id.as_str()))
        .add(Column::Due.eq(claimed.lease.unix_milliseconds()))
        .add(Column::Attempts.eq(i32::try_from(claimed.attempt).unwrap_or(i32::MAX)))
}

/// Removes a message that somebody took; `false` when it is another's by now.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    claimed: &ClaimedMessage,
) -> Result<bool, StoreError> {
    let row = Entity::delete_many().filter(is_with(claimed));
    row.meets_one(transaction).await
}

/// Puts a message back that somebody took; `false` when it is another's by now.
pub(crate) async fn put_back(
    transaction: &DatabaseTransaction,
    claimed: &ClaimedMessage,
    due: Timestamp,
) -> Result<bool, StoreError> {
    Entity::update_many()
        .col_expr(Column::Due, Expr::value(due.unix_milliseconds()))
        .filter(is_with(claimed))
        .meets_one(transaction)
        .await
}

/// Every message that waits and has not expired.
pub(crate) async fn waiting(
    reader: &DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<WaitingMessage>, StoreError> {
    let rows = addressed(reader, Column::Expires.gt(now.unix_milliseconds())).await?;
    Ok(rows.into_iter().map(waiting_message).collect())
}

/// Deletes at most `batch` messages that expired before `before`.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    let expired = Entity::find().filter(Column::Expires.lt(before.unix_milliseconds()));
    statement::delete_batch(transaction, Column::Id, expired, batch).await
}

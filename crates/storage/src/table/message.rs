//! Messages that wait to be sent.

use latchkey_domain::{
    message::{NewMessage, SealedText},
    text::Username,
    time::Timestamp,
};
use latchkey_service::ports::{
    message_store::{ClaimedMessage, WaitingMessage},
    store::StoreError,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _, LockBehavior, LockType},
};

use crate::{
    entity::{
        message::{ActiveModel, Column, Entity, Model},
        user,
    },
    row::{Inconsistency, Row, moment},
    table,
    transaction::exactly_one,
};

const TABLE: &str = "messages";

fn from_row(model: Model, to: Option<&user::Model>) -> Result<WaitingMessage, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    let to = to.ok_or_else(|| row.inconsistent("has no user"))?;
    Ok(WaitingMessage {
        id: row.value("id", model.id.parse())?,
        kind: row.value("kind", model.kind.parse())?,
        to: row.value("username", Username::new(to.username.as_str()))?,
        sealed: SealedText::new(model.sealed),
        created: moment(model.created),
        expires: moment(model.expires),
    })
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
    let due = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_due(now))
        .limit(1)
        .into_tuple::<String>()
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    Ok(due.is_some())
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
    let ids: Vec<_> = taken.iter().map(|model| model.id.clone()).collect();
    let taken = addressed(transaction, Column::Id.is_in(ids).into()).await?;
    taken
        .into_iter()
        .map(|(model, to)| {
            let attempt = u32::try_from(model.attempts).unwrap_or(u32::MAX);
            Ok(ClaimedMessage {
                message: from_row(model, to.as_ref())?,
                attempt,
                lease: until,
            })
        })
        .collect::<Result<_, Inconsistency>>()
        .map_err(StoreError::from)
}

/// Messages with their users, oldest first.
async fn addressed(
    connection: &impl ConnectionTrait,
    condition: Condition,
) -> Result<Vec<(Model, Option<user::Model>)>, StoreError> {
    Entity::find()
        .find_also_related(user::Entity)
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
    let result = Entity::delete_many()
        .filter(is_with(claimed))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Puts a message back that somebody took; `false` when it is another's by now.
pub(crate) async fn put_back(
    transaction: &DatabaseTransaction,
    claimed: &ClaimedMessage,
    due: Timestamp,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::Due, Expr::value(due.unix_milliseconds()))
        .filter(is_with(claimed))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Every message that waits and has not expired.
pub(crate) async fn waiting(
    reader: &DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<WaitingMessage>, StoreError> {
    let condition = Condition::all().add(Column::Expires.gt(now.unix_milliseconds()));
    let rows = addressed(reader, condition).await?;
    rows.into_iter()
        .map(|(model, to)| from_row(model, to.as_ref()))
        .collect::<Result<_, Inconsistency>>()
        .map_err(StoreError::from)
}

/// Deletes at most `batch` messages that expired before `before`.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    table::delete_batch::<Entity>(
        transaction,
        Column::Id,
        Entity::find().filter(Column::Expires.lt(before.unix_milliseconds())),
        batch,
    )
    .await
}

//! Messages that wait to be sent, sealed.

use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::{
    account_code::AccountCodeKind,
    id::{MessageId, UserId},
    message::{MessageKind, NewMessage, SealedText},
    time::Timestamp,
};
use latchkey_service::ports::{
    message_store::{
        ClaimedMessage, ListedMessage, MessageState, MessageStore, Pending, Postponement,
        WaitingMessage, Which,
    },
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
    statement::{self, Change as _, Step, is_in_batch, together},
    store::SqlStore,
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
    /// From when on somebody may take it to send it. It is negated while somebody has it, until the lease ends then;
    /// where it is the moment of its creation it is due whatever time it is.
    pub due: Typed<Timestamp>,
    /// How often somebody took it.
    pub attempts: i32,
    /// Why it could not be sent the last time.
    pub failure: Option<String>,
}

refers_to!(UserId => User of user);

fn waiting_message((row, to): (Model, user::Model)) -> WaitingMessage {
    WaitingMessage {
        id: row.id.0,
        kind: row.kind.0,
        user: row.user_id.0,
        to: to.username.0,
        sealed: row.sealed.0,
        created: row.created.0,
        expires: row.expires.0,
    }
}

/// A message as of `now`, and how far it has come.
fn listed_message((row, to): (Model, user::Model), now: Timestamp) -> ListedMessage {
    let (tries, due) = (row.attempts, row.due.0.unix_milliseconds());
    let failure = row.failure.clone();
    let message = waiting_message((row, to));
    ListedMessage {
        tries: u32::try_from(tries).unwrap_or_default(),
        state: if due < 0 {
            MessageState::with_somebody(Timestamp::from_unix_milliseconds(-due), now)
        } else {
            MessageState::of(&message, Timestamp::from_unix_milliseconds(due))
        },
        failure,
        message,
    }
}

/// Keeps a message with the change it tells about.
pub(crate) fn insertion(message: &NewMessage) -> Step {
    let row = Model {
        id: message.id.clone().into(),
        user_id: message.user.clone().into(),
        kind: message.kind.into(),
        sealed: message.sealed.clone().into(),
        created: message.created.into(),
        expires: message.expires.into(),
        due: message.due.into(),
        attempts: 0,
        failure: None,
    };
    Step::row(&row.into_active_model())
}

/// Keeps messages, where what they tell about has been changed already.
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    messages: &[NewMessage],
) -> Result<(), StoreError> {
    let kept = messages.iter().map(insertion);
    together(transaction, kept.collect()).await.map(|_ones| ())
}

/// Deletes the messages that hand over codes of these kinds to those users: they have ended.
pub(crate) async fn delete_codes(
    transaction: &DatabaseTransaction,
    users: Condition,
    kinds: &[AccountCodeKind],
) -> Result<(), StoreError> {
    let kinds = kinds.iter().map(|kind| kind.message().as_str());
    let messages = Entity::delete_many()
        .filter(users)
        .filter(Column::Kind.is_in(kinds));
    messages.count(transaction).await.map(|_messages| ())
}

/// That it is for that user.
pub(crate) fn is_for(user: &UserId) -> Condition {
    Condition::all().add(Column::UserId.eq(user.as_str()))
}

#[async_trait]
impl MessageStore for SqlStore {
    async fn claim(
        &self,
        now: Timestamp,
        lease: Duration,
        batch: u32,
    ) -> Result<Vec<ClaimedMessage>, StoreError> {
        let due = is_due(now);
        if !self.is_any(due.clone()).await? {
            return Ok(vec![]);
        }
        let until = now.plus(lease);
        self.write(async move |tx| claim(&tx, due, until, batch).await)
            .await
    }

    async fn remove(&self, claimed: &ClaimedMessage) -> Result<bool, StoreError> {
        let row = Entity::delete_many().filter(is_with(claimed));
        self.write(async move |tx| row.meets_one(&tx).await).await
    }

    async fn hold(&self, claimed: &ClaimedMessage, until: Timestamp) -> Result<bool, StoreError> {
        let row = Entity::update_many()
            .col_expr(Column::Due, Expr::value(-until.unix_milliseconds()))
            .filter(Column::Due.lt(0_i64))
            .filter(is_with(claimed));
        self.write(async move |tx| row.meets_one(&tx).await).await
    }

    async fn put_back(
        &self,
        claimed: &ClaimedMessage,
        postponed: &Postponement,
    ) -> Result<bool, StoreError> {
        let Postponement { due, reason } = postponed;
        let row = Entity::update_many()
            .col_expr(Column::Due, Expr::value(due.unix_milliseconds()))
            .col_expr(Column::Failure, Expr::value(reason.clone()))
            .filter(is_with(claimed));
        self.write(async move |tx| row.meets_one(&tx).await).await
    }

    async fn pending(&self, now: Timestamp) -> Result<Pending, StoreError> {
        let counted = Entity::find()
            .select_only()
            .column_as(Column::Id.count(), "count")
            .column_as(Column::Created.min(), "oldest")
            .filter(lives(now))
            .filter(Expr::col(Column::Due).lt(Expr::col(Column::Expires)));
        let counted = self
            .read(async move |reader| {
                let counted = counted.into_tuple::<(i64, Option<i64>)>();
                counted.one(&reader).await.map_err(StoreError::new)
            })
            .await?;
        let (count, oldest) = counted.unwrap_or_default();
        Ok(Pending {
            count: u64::try_from(count).unwrap_or_default(),
            oldest: oldest.map(Timestamp::from_unix_milliseconds),
        })
    }

    async fn hasten(&self, which: &Which) -> Result<u64, StoreError> {
        let rows = Entity::update_many()
            .col_expr(Column::Due, Expr::col(Column::Created))
            .filter(is_one_of(which))
            .filter(is_put_back());
        self.write(async move |tx| rows.count(&tx).await).await
    }

    async fn discard(&self, which: &Which) -> Result<u64, StoreError> {
        let rows = Entity::delete_many().filter(is_one_of(which));
        self.write(async move |tx| rows.count(&tx).await).await
    }

    async fn waiting(&self, now: Timestamp) -> Result<Vec<ListedMessage>, StoreError> {
        let lives = lives(now);
        let rows = self
            .read(async move |reader| addressed(&reader, lives, Column::Created).await)
            .await?;
        let listed = rows.into_iter().map(|row| listed_message(row, now));
        Ok(listed.collect())
    }
}

impl SqlStore {
    /// Usually nothing is due, and then nobody is kept from writing.
    async fn is_any(&self, due: Condition) -> Result<bool, StoreError> {
        let due = Entity::find().filter(due);
        self.read(async move |reader| statement::any(&reader, due).await)
            .await
    }
}

fn is_one_of(which: &Which) -> Condition {
    match which {
        Which::All => Condition::all(),
        Which::Failed => is_put_back().add(Expr::col(Column::Due).lt(Expr::col(Column::Expires))),
        Which::Kept => is_put_back().add(Expr::col(Column::Due).gte(Expr::col(Column::Expires))),
        Which::One(id) => Column::Id.eq(id.as_str()).into(),
    }
}

/// That a message waits for a later moment than its creation, or for none, and is with nobody.
fn is_put_back() -> Condition {
    Condition::all()
        .add(Column::Due.gt(0_i64))
        .add(Expr::col(Column::Due).ne(Expr::col(Column::Created)))
}

/// What is worth sending at `now` and this release knows; a newer one may keep more.
fn lives(now: Timestamp) -> Condition {
    let kinds = MessageKind::ALL.iter().map(|kind| kind.as_str());
    Condition::all()
        .add(Column::Expires.gt(now.unix_milliseconds()))
        .add(Column::Kind.is_in(kinds))
}

/// What may be taken at `now`: what is due, and what is with somebody whose lease has ended.
fn is_due(now: Timestamp) -> Condition {
    let at = now.unix_milliseconds();
    lives(now).add(Column::Due.between(-at, at))
}

/// That a message is one of at most `batch` that are due and expire first. On PostgreSQL that passes over what another
/// process takes at the same moment; what was waited for all the same may not be due any more.
fn is_in_batch_of(transaction: &DatabaseTransaction, due: Condition, batch: u32) -> Expr {
    let batch = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(due)
        .order_by_asc(Column::Expires)
        .limit(u64::from(batch))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_query();
    is_in_batch(transaction.get_database_backend(), Column::Id, batch)
}

/// Takes at most `batch` of what is due until `until`.
async fn claim(
    transaction: &DatabaseTransaction,
    due: Condition,
    until: Timestamp,
    batch: u32,
) -> Result<Vec<ClaimedMessage>, StoreError> {
    let taken: Vec<Model> = Entity::update_many()
        .col_expr(Column::Due, Expr::value(-until.unix_milliseconds()))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i32))
        .filter(is_in_batch_of(transaction, due.clone(), batch))
        .filter(due)
        .exec_with_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    let ids = taken.into_iter().map(|row| row.id);
    let ids = Condition::all().add(Column::Id.is_in(ids));
    let taken = addressed(transaction, ids, Column::Expires).await?;
    let claimed = taken.into_iter().map(|(row, to)| ClaimedMessage {
        attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        message: waiting_message((row, to)),
    });
    Ok(claimed.collect())
}

/// Messages with their users, the least of that column first.
async fn addressed(
    connection: &impl ConnectionTrait,
    condition: Condition,
    first: Column,
) -> Result<Vec<(Model, user::Model)>, StoreError> {
    Entity::find()
        .find_both_related(user::Entity)
        .filter(condition)
        .order_by_asc(first)
        .order_by_asc(Column::Id)
        .all(connection)
        .await
        .map_err(StoreError::new)
}

/// That a message is still with who took it: nobody has taken it since.
fn is_with(claimed: &ClaimedMessage) -> Condition {
    Condition::all()
        .add(Column::Id.eq(claimed.message.id.as_str()))
        .add(Column::Attempts.eq(i32::try_from(claimed.attempt).unwrap_or(i32::MAX)))
}

//! Users.

use latchkey_domain::{
    id::{OrganizationId, UserId},
    text::{ExternalId, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseTransaction, DbBackend, IntoActiveModel as _, QueryOrder as _, QuerySelect,
    QueryTrait as _, UpdateMany,
    entity::prelude::*,
    sea_query::{
        Alias, CaseStatement, Condition, ExprTrait as _, LockType, OnConflict, Query,
        SelectStatement, SubQueryStatement,
    },
};

use super::organization;
use crate::{
    column,
    connection::Reader,
    statement::{self, Change as _},
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<UserId>,
    pub organization_id: Typed<OrganizationId>,
    pub username: Typed<Username>,
    pub username_key: String,
    pub kind: Typed<UserKind>,
    pub external_id: Option<Typed<ExternalId>>,
    pub is_administrator: bool,
    pub is_active: bool,
    pub epoch: Typed<Epoch>,
    pub registered: Option<Typed<Timestamp>>,
    pub created: Typed<Timestamp>,
}

refers_to!(OrganizationId => Organization of organization);

impl From<Model> for User {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.0,
            organization: row.organization_id.0,
            username: row.username.0,
            kind: row.kind.0,
            external_id: row.external_id.map(Typed::into_inner),
            is_administrator: row.is_administrator,
            is_active: row.is_active,
            epoch: row.epoch.0,
            registered: row.registered.map(Typed::into_inner),
            created: row.created.0,
        }
    }
}

/// Whether there is more than one user.
pub(crate) async fn several(reader: &Reader) -> Result<bool, StoreError> {
    statement::any(reader, Entity::find().offset(1)).await
}

/// Whether anybody has registered.
pub(crate) async fn any_registered(reader: &Reader) -> Result<bool, StoreError> {
    let registered = Entity::find().filter(Column::Registered.is_not_null());
    statement::any(reader, registered).await
}

/// Makes a user; `false` when the organization has one of that name or external id.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<bool, StoreError> {
    let row = Model {
        id: user.id.clone().into(),
        organization_id: user.organization.clone().into(),
        username: user.username.clone().into(),
        username_key: user.username.key(),
        kind: user.kind.into(),
        external_id: user.external_id.clone().map(Typed::from),
        is_administrator: user.is_administrator,
        is_active: user.is_active,
        epoch: user.epoch.into(),
        registered: user.registered.map(Typed::from),
        created: user.created.into(),
    };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .meets_one(transaction)
        .await
}

/// Locks a user until the transaction ends; `false` when there is no such user. What changes a user, or what
/// follows from several rows of a user, begins with this. On PostgreSQL the lock leaves its mark: it writes the
/// row as it is, which is how [`lock_at_once`] knows of it afterwards. (Rows that refer to the user can be made
/// meanwhile, changes cannot.)
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<bool, StoreError> {
    let id = Column::Id.eq(user.as_str());
    if transaction.get_database_backend() == DbBackend::Postgres {
        as_it_is(id).meets_one(transaction).await
    } else {
        // Whoever writes to SQLite has locked all of it.
        statement::any(transaction, Entity::find().filter(id)).await
    }
}

/// Locks a user of whom this is so as the first part of a statement that PostgreSQL is told with no transaction around
/// it. Such a statement sees other rows as they were when it began, so this meets none when somebody had the lock, or
/// changed the user, since then: the row is judged anew when it was waited for, and `xmin`, which tells the versions of
/// a row apart, is another one.
pub(crate) fn lock_at_once(user: &Value, condition: Condition) -> UpdateMany<Entity> {
    let version = || Expr::col((Entity, Alias::new("xmin")));
    let seen = Query::select()
        .expr(version())
        .from(Entity)
        .and_where(Column::Id.eq(user.clone()))
        .to_owned();
    let seen = Expr::from(SubQueryStatement::SelectStatement(seen));
    as_it_is(version().eq(seen)).filter(condition)
}

/// Writes users as they are.
fn as_it_is(which: Expr) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Epoch, Expr::col(Column::Epoch))
        .filter(which)
}

/// Locks a user and gives the user as of now.
pub(crate) async fn lock_and_read(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<User>, StoreError> {
    lock_where(transaction, Column::Id.eq(user.as_str())).await
}

/// Locks everybody whose id is among these, in one order for everybody who locks several. This is one statement, so
/// that nobody is met, out of order, who came to be among them meanwhile. (Whoever writes to SQLite has locked all of
/// it.)
pub(crate) async fn lock_all(
    transaction: &DatabaseTransaction,
    ids: SelectStatement,
) -> Result<(), StoreError> {
    let backend = transaction.get_database_backend();
    if backend == DbBackend::Postgres {
        let ordered = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.in_subquery(ids))
            .order_by_asc(Column::Id)
            .lock(LockType::NoKeyUpdate)
            .into_query();
        let locked = statement::is_in_batch(backend, Column::Id, ordered);
        as_it_is(locked).count(transaction).await?;
    }
    Ok(())
}

/// Locks the user of that name.
pub(crate) async fn lock_by_username(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    username: &Username,
) -> Result<Option<User>, StoreError> {
    let called = is_called(organization.as_str(), username.key());
    lock_where(transaction, called).await
}

async fn lock_where(
    transaction: &DatabaseTransaction,
    condition: Expr,
) -> Result<Option<User>, StoreError> {
    let found = if transaction.get_database_backend() == DbBackend::Postgres {
        let locked = as_it_is(condition).exec_with_returning(transaction).await;
        locked.map(|users| users.into_iter().next())
    } else {
        Entity::find().filter(condition).one(transaction).await
    };
    Ok(found.map_err(StoreError::new)?.map(User::from))
}

/// The user of that organization whose name has that key.
pub(crate) fn is_called(organization: impl Into<Value>, key: impl Into<Value>) -> Expr {
    Column::OrganizationId
        .eq(organization)
        .and(Column::UsernameKey.eq(key))
}

/// Notes that a user registered; `false` when that was noted before.
pub(crate) async fn set_registered(
    transaction: &DatabaseTransaction,
    user: &UserId,
    date: Timestamp,
) -> Result<bool, StoreError> {
    Entity::update_many()
        .col_expr(Column::Registered, Expr::value(date.unix_milliseconds()))
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::Registered.is_null())
        .meets_one(transaction)
        .await
}

/// Ends the given epoch of a user and begins the next; `false` when it had ended before.
pub(crate) async fn raise_epoch(
    transaction: &DatabaseTransaction,
    user: &UserId,
    epoch: Epoch,
) -> Result<bool, StoreError> {
    Entity::update_many()
        .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1_i64))
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::Epoch.eq(epoch.number()))
        .meets_one(transaction)
        .await
}

/// Raises the epoch of every user: to `least`, or by one where that is more.
pub(crate) async fn raise_every_epoch(
    transaction: &DatabaseTransaction,
    least: Epoch,
) -> Result<(), StoreError> {
    let least = least.number();
    let next = CaseStatement::new()
        .case(Expr::col(Column::Epoch).lt(least), Expr::value(least))
        .finally(Expr::col(Column::Epoch).add(1_i64));
    let everybody = Entity::update_many().col_expr(Column::Epoch, next.into());
    everybody.count(transaction).await.map(|_users| ())
}

/// Makes a user active who is not, or the reverse; `false` when it was so already.
pub(crate) async fn set_active(
    transaction: &DatabaseTransaction,
    user: &UserId,
    active: bool,
) -> Result<bool, StoreError> {
    switch(transaction, user, Column::IsActive, active).await
}

/// Makes a user an administrator who is none, or the reverse; `false` when it was so already.
pub(crate) async fn set_administrator(
    transaction: &DatabaseTransaction,
    user: &UserId,
    administrator: bool,
) -> Result<bool, StoreError> {
    switch(transaction, user, Column::IsAdministrator, administrator).await
}

async fn switch(
    transaction: &DatabaseTransaction,
    user: &UserId,
    column: Column,
    on: bool,
) -> Result<bool, StoreError> {
    Entity::update_many()
        .col_expr(column, Expr::value(on))
        .filter(Column::Id.eq(user.as_str()))
        .filter(column.eq(!on))
        .meets_one(transaction)
        .await
}

/// Deletes a user, whose row is locked and to whom nothing refers any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    let row = Entity::delete_many().filter(Column::Id.eq(user.as_str()));
    row.count(transaction).await.map(|_one| ())
}

/// Deletes everybody in an organization, of whom nobody has registered, and tells how many those were.
pub(crate) async fn delete_all_of(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<u64, StoreError> {
    let all = Entity::delete_many().filter(Column::OrganizationId.eq(organization.as_str()));
    all.count(transaction).await
}

/// The ids of everybody in an organization.
pub(crate) fn ids_in(organization: &OrganizationId) -> SelectStatement {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .into_query()
}

/// How many in an organization have registered.
pub(crate) async fn number_of_registered(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<u64, StoreError> {
    let registered = Entity::find()
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(Column::Registered.is_not_null());
    registered.count(transaction).await.map_err(StoreError::new)
}

/// The organization that a user belongs to, which never changes.
pub(crate) async fn organization_of(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<OrganizationId>, StoreError> {
    let found = Entity::find_by_id(user.clone())
        .select_only()
        .columns([Column::OrganizationId, Column::Id])
        .into_tuple::<(Typed<OrganizationId>, String)>()
        .one(transaction)
        .await;
    let found = found.map_err(StoreError::new)?;
    Ok(found.map(|(organization, _id)| organization.0))
}

/// Whether the organization, whose row is locked, has an active administrator besides this user.
pub(crate) async fn has_another_administrator(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<bool, StoreError> {
    let others = Entity::find()
        .filter(Column::OrganizationId.eq(user.organization.as_str()))
        // As the index says it: for a parameter neither database would know that it is enough.
        .filter(Column::IsAdministrator.into_expr())
        .filter(Column::IsActive.eq(true))
        .filter(Column::Id.ne(user.id.as_str()));
    statement::any(transaction, others).await
}

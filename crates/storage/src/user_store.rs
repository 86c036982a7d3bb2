//! Managing the users of an organization.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::AccountCodeKind,
    authority::Authority,
    id::{CredentialUuid, UserId},
    message::NewMessage,
    text::SearchText,
    time::Timestamp,
    user::User,
};
use latchkey_service::ports::{
    store::StoreError,
    user_store::{
        ChangeUserError, CreateUserError, Invitation, NotAdministrator, ReadUsersError, Reader,
        UserChange, UserEntry, UserList, UserPage, UserPosition, UserStore,
    },
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, FromQueryResult, Order,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{
        Condition, Expr, ExprTrait as _, LikeExpr, Query, SelectStatement, SubQueryStatement,
    },
};

use crate::{
    administrators::{self, exercise_as_administrator},
    column::Typed,
    ending, statement,
    store::SqlStore,
    table::{
        self, credential,
        user::{Column, Entity, Model},
    },
};

#[async_trait]
impl UserStore for SqlStore {
    async fn list(&self, reader: &Reader, page: &UserPage) -> Result<UserList, ReadUsersError> {
        let mut users = shown_to(reader);
        let mut end = None;
        if page.search.is_some() {
            end = self.end_of_search(reader, page).await?;
            if let Some(end) = &end {
                users = users.filter(here().lte(there(end)));
            }
        }
        let mut list = self.part(users, page).await?;
        if list.users.is_empty() {
            self.require_administrator(reader).await?;
        }
        list.next = list.next.or(end);
        Ok(list)
    }

    async fn find(
        &self,
        reader: &Reader,
        user: &UserId,
    ) -> Result<Option<UserEntry>, ReadUsersError> {
        let that_user = shown_to(reader).filter(Column::Id.eq(user.as_str()));
        let found = self
            .read(async move |reader| {
                let user = that_user.into_model::<Listed>();
                user.one(&reader).await.map_err(StoreError::new)
            })
            .await?;
        if found.is_none() {
            self.require_administrator(reader).await?;
        }
        Ok(found.map(UserEntry::from))
    }

    async fn create(
        &self,
        authority: Authority,
        invitation: Invitation,
    ) -> Result<UserEntry, CreateUserError> {
        self.write(async move |tx| {
            exercise_as_administrator::<CreateUserError>(&tx, &authority).await?;
            let user = invite(&tx, invitation, |named| match named {
                Some(_) => CreateUserError::AlreadyExists,
                // Names are one of the two things that must be free.
                None => CreateUserError::ExternalIdTaken,
            })
            .await?;
            // Nobody has a credential before registering.
            Ok(UserEntry {
                user,
                credential: None,
            })
        })
        .await
    }

    async fn change(
        &self,
        mut authority: Authority,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError> {
        let id = user.clone();
        let messages = authority.take_messages();
        self.write(async move |tx| {
            exercise_as_administrator::<ChangeUserError>(&tx, &authority).await?;
            let mut user = table::user::lock_and_read(&tx, &id)
                .await?
                .filter(|user| user.organization == *authority.organization())
                .ok_or(ChangeUserError::NotFound)?;
            let credential = credential::oldest(&tx, &id).await?;
            let changes = match change {
                UserChange::Nothing => false,
                UserChange::Activate => {
                    user.is_active = true;
                    table::user::set_active(&tx, &id, true).await?
                }
                UserChange::Deactivate | UserChange::Delete
                    if administrators::is_last(&tx, &user).await? =>
                {
                    return Err(ChangeUserError::LastAdministrator);
                }
                UserChange::Deactivate => ending::deactivate(&tx, &mut user).await?,
                UserChange::Delete => {
                    ending::erase(&tx, &id).await?;
                    true
                }
            };
            if changes {
                table::message::insert_all(&tx, &messages).await?;
            }
            Ok(UserEntry { user, credential })
        })
        .await
    }
}

/// How many users are looked at for one part of a search: no index knows which names have a text in them, and
/// an organization may have millions.
const LOOKED_AT: u64 = 10_000;

/// The place of a user, which both databases find by the index when rows are compared.
fn here() -> Expr {
    Expr::tuple([
        Expr::col((Entity, Column::Created)),
        Expr::col((Entity, Column::Id)),
    ])
}

fn there(position: &UserPosition) -> Expr {
    Expr::tuple([
        Expr::value(position.created.unix_milliseconds()),
        Expr::value(position.id.as_str()),
    ])
}

/// Names and identifiers in which the text is. Letter case is none in either, so it is the same to both databases.
fn is_found_by(text: &SearchText) -> Condition {
    let mut pattern = String::from("%");
    for symbol in text.key().chars() {
        if matches!(symbol, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(symbol);
    }
    pattern.push('%');
    let has = |column: Column| {
        Expr::col((Entity, column)).like(LikeExpr::new(pattern.as_str()).escape('!'))
    };
    Condition::any()
        .add(has(Column::UsernameKey))
        .add(has(Column::Id))
}

impl SqlStore {
    /// The page of these users.
    pub(crate) async fn part(
        &self,
        mut users: Select<Entity>,
        page: &UserPage,
    ) -> Result<UserList, StoreError> {
        let size = page.size.items();
        if let Some(kind) = page.kind {
            users = users.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(text) = &page.search {
            users = users.filter(is_found_by(text));
        }
        if let Some(after) = &page.after {
            users = users.filter(here().gt(there(after)));
        }
        // One more than asked for tells that there are more.
        let users = users
            .order_by_asc(Column::Created)
            .order_by_asc(Column::Id)
            .limit(u64::from(size) + 1);
        let rows: Vec<_> = self
            .read(async move |reader| {
                let users = users.into_model::<Listed>();
                users.all(&reader).await.map_err(StoreError::new)
            })
            .await?;
        let has_more = rows.len() > usize::from(size);
        let mut users: Vec<_> = rows.into_iter().map(UserEntry::from).collect();
        users.truncate(usize::from(size));
        let next = users
            .last()
            .filter(|_last| has_more)
            .map(|last| UserPosition::of(&last.user));
        Ok(UserList { users, next })
    }

    /// The place of the last user who is looked at for this part of a search; none when it is the last part.
    async fn end_of_search(
        &self,
        reader: &Reader,
        page: &UserPage,
    ) -> Result<Option<UserPosition>, StoreError> {
        let mut users = Entity::find()
            .select_only()
            .columns([Column::Created, Column::Id])
            .filter(Column::OrganizationId.eq(reader.organization.as_str()))
            .filter(Expr::exists(administrator_id(reader)));
        if let Some(after) = &page.after {
            users = users.filter(here().gt(there(after)));
        }
        let last = users
            .order_by_asc(Column::Created)
            .order_by_asc(Column::Id)
            .offset(LOOKED_AT - 1)
            .limit(1);
        let found = self
            .read(async move |reader| {
                let last = last.into_tuple::<(Typed<Entity, Timestamp>, Typed<Entity, UserId>)>();
                last.one(&reader).await.map_err(StoreError::new)
            })
            .await?;
        Ok(found.map(|(created, id)| UserPosition {
            created: created.into_inner(),
            id: id.into_inner(),
        }))
    }

    /// Tells a reader who was shown nothing because there is nothing from one who may not look.
    async fn require_administrator(&self, reader: &Reader) -> Result<(), ReadUsersError> {
        let administrator = administrator(reader);
        self.read(async move |reader| {
            if statement::any(&reader, administrator).await? {
                Ok(())
            } else {
                Err(NotAdministrator.into())
            }
        })
        .await
    }
}

/// A user as administrators see it.
#[derive(FromQueryResult)]
struct Listed {
    #[sea_orm(nested)]
    user: Model,
    oldest_credential: Option<Typed<Entity, CredentialUuid>>,
}

impl From<Listed> for UserEntry {
    fn from(row: Listed) -> Self {
        Self {
            user: row.user.into(),
            credential: row.oldest_credential.map(Typed::into_inner),
        }
    }
}

/// Users with the oldest credential of each.
pub(crate) fn shown() -> Select<Entity> {
    Entity::find().expr_as(oldest_credential(), "oldest_credential")
}

/// The same of an organization; nobody when the reader is not an administrator.
fn shown_to(by: &Reader) -> Select<Entity> {
    shown()
        .filter(Column::OrganizationId.eq(by.organization.as_str()))
        .filter(Expr::exists(administrator_id(by)))
}

/// Selects the reader's id, for the condition of another statement.
fn administrator_id(by: &Reader) -> SelectStatement {
    administrator(by)
        .select_only()
        .column(Column::Id)
        .into_query()
}

/// The reader, if that is an active administrator of the organization.
fn administrator(by: &Reader) -> Select<Entity> {
    Entity::find()
        .filter(Column::Id.eq(by.administrator.as_str()))
        .filter(Column::OrganizationId.eq(by.organization.as_str()))
        .filter(Column::IsAdministrator.eq(true))
        .filter(Column::IsActive.eq(true))
}

fn oldest_credential() -> Expr {
    let id = (credential::Entity, credential::Column::Id);
    let owner = (credential::Entity, credential::Column::UserId);
    let created = (credential::Entity, credential::Column::Created);
    let oldest = Query::select()
        .column(id)
        .from(credential::Entity)
        .and_where(Expr::col(owner).eq(Expr::col((Entity, Column::Id))))
        .order_by(created, Order::Asc)
        .order_by(id, Order::Asc)
        .limit(1)
        .to_owned();
    Expr::from(SubQueryStatement::SelectStatement(oldest))
}

/// Makes a user, or locks who has the name and may still register, and hands over what is for the user.
///
/// # Errors
/// What `taken` makes of who has the name, or [`StoreError`] when the database fails.
pub(crate) async fn invite<E: From<StoreError>>(
    transaction: &DatabaseTransaction,
    invitation: Invitation,
    taken: fn(Option<User>) -> E,
) -> Result<User, E> {
    let new = &invitation.user;
    let user = if table::user::insert(transaction, new).await? {
        new.clone()
    } else {
        match table::user::lock_by_username(transaction, &new.organization, &new.username).await? {
            Some(user) if AccountCodeKind::Registration.is_for(&user) => user,
            named => return Err(taken(named)),
        }
    };
    Ok(hand_over(transaction, Invitation { user, ..invitation }).await?)
}

/// Hands the code, and the message that brings it, to the user as kept, whose row is locked or new.
pub(crate) async fn hand_over(
    transaction: &DatabaseTransaction,
    invitation: Invitation,
) -> Result<User, StoreError> {
    let Invitation {
        user,
        code,
        message,
    } = invitation;
    table::account_code::replace(transaction, &user, code).await?;
    let message = message.map(|message| NewMessage {
        user: user.id.clone(),
        ..message
    });
    table::message::insert_all(transaction, message.as_slice()).await?;
    Ok(user)
}

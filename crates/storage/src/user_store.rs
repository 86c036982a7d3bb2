//! Managing the users of an organization.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::AccountCodeKind,
    authority::Authority,
    id::{CredentialUuid, UserId},
    message::NewMessage,
    user::User,
};
use latchkey_service::ports::{
    administration_store::Invitation,
    store::StoreError,
    user_store::{
        ChangeUserError, CreateUserError, NotAdministrator, ReadUsersError, Reader, UserChange,
        UserEntry, UserList, UserPage, UserPosition, UserStore,
    },
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, FromQueryResult, Order,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _, Query, SubQueryStatement},
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
        let size = page.size.items();
        // One more than asked for tells that there are more.
        let mut users = shown_to(reader)
            .order_by_asc(Column::Created)
            .order_by_asc(Column::Id)
            .limit(u64::from(size) + 1);
        if let Some(kind) = page.kind {
            users = users.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(after) = &page.after {
            // Both databases use the index for a comparison of rows.
            let here = Expr::tuple([Expr::col(Column::Created), Expr::col(Column::Id)]);
            let there = Expr::tuple([
                Expr::value(after.created.unix_milliseconds()),
                Expr::value(after.id.as_str()),
            ]);
            users = users.filter(here.gt(there));
        }
        let rows = self
            .read(async move |reader| {
                let users = users.into_model::<Listed>();
                users.all(&reader).await.map_err(StoreError::new)
            })
            .await?;
        if rows.is_empty() {
            self.require_administrator(reader).await?;
        }
        let has_more = rows.len() > usize::from(size);
        let mut users: Vec<_> = rows.into_iter().map(UserEntry::from).collect();
        users.truncate(usize::from(size));
        let next = users
            .last()
            .filter(|_last| has_more)
            .map(|last| UserPosition::of(&last.user));
        Ok(UserList { users, next })
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

impl SqlStore {
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

/// Users with the oldest credential of each; nobody when the reader is not an administrator.
fn shown_to(by: &Reader) -> Select<Entity> {
    let administrator = administrator(by)
        .select_only()
        .column(Column::Id)
        .into_query();
    Entity::find()
        .expr_as(oldest_credential(), "oldest_credential")
        .filter(Column::OrganizationId.eq(by.organization.as_str()))
        .filter(Expr::exists(administrator))
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

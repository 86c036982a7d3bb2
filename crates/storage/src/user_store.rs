//! Managing the users of an organization.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, id::UserId, message::NewMessage, user::User};
use latchkey_service::ports::{
    administration_store::Invitation,
    store::StoreError,
    user_store::{
        ChangeUserError, CreateUserError, NotAdministrator, ReadUsersError, Reader, UserChange,
        UserEntry, UserList, UserPage, UserPosition, UserStore,
    },
};
use sea_orm::DatabaseTransaction;

use crate::{
    administrators::{self, exercise_as_administrator},
    ending,
    store::SqlStore,
    table,
};

#[async_trait]
impl UserStore for SqlStore {
    async fn list(&self, reader: &Reader, page: &UserPage) -> Result<UserList, ReadUsersError> {
        let size = usize::from(page.size.items());
        let mut users = table::listed_user::list(self.reader(), reader, page).await?;
        if users.is_empty() {
            self.require_administrator(reader).await?;
        }
        // One more than asked for tells that there are more.
        let has_more = users.len() > size;
        users.truncate(size);
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
        let found = table::listed_user::find(self.reader(), reader, user).await?;
        if found.is_none() {
            self.require_administrator(reader).await?;
        }
        Ok(found)
    }

    async fn create(
        &self,
        authority: Authority,
        invitation: Invitation,
    ) -> Result<UserEntry, CreateUserError> {
        self.write(async move |tx| {
            exercise_as_administrator::<CreateUserError>(&tx, &authority).await?;
            let user = if table::user::insert(&tx, &invitation.user).await? {
                invitation.user.clone()
            } else {
                unregistered(&tx, &invitation.user).await?
            };
            let user = hand_over(&tx, Invitation { user, ..invitation }).await?;
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
        authority: Authority,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError> {
        let id = user.clone();
        self.write(async move |tx| {
            exercise_as_administrator::<ChangeUserError>(&tx, &authority).await?;
            let mut user = table::user::lock(&tx, &id)
                .await?
                .filter(|user| user.organization == *authority.organization())
                .ok_or(ChangeUserError::NotFound)?;
            let credential = table::credential::oldest(&tx, &id).await?;
            match change {
                UserChange::Nothing => {}
                UserChange::Activate => {
                    table::user::set_active(&tx, &id, true).await?;
                    user.is_active = true;
                }
                UserChange::Deactivate | UserChange::Delete
                    if administrators::is_last(&tx, &user).await? =>
                {
                    return Err(ChangeUserError::LastAdministrator);
                }
                UserChange::Deactivate => ending::deactivate(&tx, &mut user).await?,
                UserChange::Delete => ending::erase(&tx, &id).await?,
            }
            Ok(UserEntry { user, credential })
        })
        .await
    }
}

impl SqlStore {
    /// Tells a reader who was shown nothing because there is nothing from one who may not look.
    async fn require_administrator(&self, reader: &Reader) -> Result<(), ReadUsersError> {
        if table::listed_user::is_administrator(self.reader(), reader).await? {
            Ok(())
        } else {
            Err(NotAdministrator.into())
        }
    }
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
    table::account_code::issue(transaction, &user.id, code).await?;
    let message = message.map(|message| NewMessage {
        user: user.id.clone(),
        ..message
    });
    table::message::insert_all(transaction, message.as_slice()).await?;
    Ok(user)
}

/// Locks the user who has the name of the one who is to be made, and may still register.
async fn unregistered(
    transaction: &DatabaseTransaction,
    new: &User,
) -> Result<User, CreateUserError> {
    match table::user::lock_by_username(transaction, &new.organization, &new.username).await? {
        Some(user) if user.is_active && user.registered.is_none() => Ok(user),
        Some(_) => Err(CreateUserError::AlreadyExists),
        // Names are one of the two things that must be free.
        None => Err(CreateUserError::ExternalIdTaken),
    }
}

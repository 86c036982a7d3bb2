//! Managing the users of an organization.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, id::UserId, message::NewMessage, user::User};
use latchkey_service::ports::{
    administration_store::Invitation,
    user_store::{
        ChangeUserError, CreateUserError, NotAdministrator, ReadUsersError, Reader, UserChange,
        UserEntry, UserPage, UserPosition, UserStore, Users,
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
    async fn list(&self, reader: &Reader, page: &UserPage) -> Result<Users, ReadUsersError> {
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
        Ok(Users { users, next })
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
        self.write(move |transaction| Box::pin(create(transaction, authority, invitation)))
            .await?
    }

    async fn change(
        &self,
        authority: Authority,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError> {
        let user = user.clone();
        self.write(move |transaction| Box::pin(change_user(transaction, authority, (user, change))))
            .await?
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

async fn create(
    transaction: &DatabaseTransaction,
    authority: Authority,
    invitation: Invitation,
) -> Result<UserEntry, CreateUserError> {
    exercise_as_administrator::<CreateUserError>(transaction, &authority).await?;
    let Invitation {
        user,
        code,
        message,
    } = invitation;
    let user = if table::user::insert(transaction, &user).await? {
        user
    } else {
        unregistered(transaction, &user).await?
    };
    table::account_code::issue(transaction, &user.id, &code).await?;
    let message = message.map(|message| NewMessage {
        user: user.id.clone(),
        ..message
    });
    table::message::insert_all(transaction, message.as_slice()).await?;
    // Nobody has a credential before registering.
    Ok(UserEntry {
        user,
        credential: None,
    })
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

async fn change_user(
    transaction: &DatabaseTransaction,
    authority: Authority,
    (id, change): (UserId, UserChange),
) -> Result<UserEntry, ChangeUserError> {
    exercise_as_administrator::<ChangeUserError>(transaction, &authority).await?;
    let mut user = table::user::lock(transaction, &id)
        .await?
        .filter(|user| user.organization == *authority.organization())
        .ok_or(ChangeUserError::NotFound)?;
    let credential = table::credential::oldest(transaction, &id).await?;
    match change {
        UserChange::Nothing => {}
        UserChange::Activate => {
            table::user::set_active(transaction, &id, true).await?;
            user.is_active = true;
        }
        UserChange::Deactivate => {
            require_another_administrator(transaction, &user).await?;
            ending::deactivate(transaction, &mut user).await?;
        }
        UserChange::Delete => {
            require_another_administrator(transaction, &user).await?;
            ending::erase(transaction, &id).await?;
        }
    }
    Ok(UserEntry { user, credential })
}

async fn require_another_administrator(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<(), ChangeUserError> {
    if administrators::is_last(transaction, user).await? {
        Err(ChangeUserError::LastAdministrator)
    } else {
        Ok(())
    }
}

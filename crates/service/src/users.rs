//! Users: an administrator manages the users of the organization.

use std::{fmt, sync::Arc};

use latchkey_domain::{
    authority::Spendable,
    id::UserId,
    session::Session,
    text::{ExternalId, Username},
    user::{Epoch, User, UserKind},
};

use crate::{
    account_codes::invitation,
    ceremony::Ceremonies,
    credentials::SignedRequest,
    ports::{
        code_digester::CodeDigester,
        store::{AuthorityConflict, StoreError},
        user_store::{self, Reader, UserChange, UserEntry, UserPage, UserStore},
    },
};

/// What may be done to users (API contract §2.4). Administrators may do all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserPermission {
    /// Make them.
    Create,
    /// See them.
    Read,
    /// Change what is kept about them.
    Update,
    /// Let them act again.
    Activate,
    /// Stop them from acting.
    Deactivate,
    /// Delete them.
    Delete,
}

impl UserPermission {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Auth:Users:Create",
            Self::Read => "Auth:Users:Read",
            Self::Update => "Auth:Users:Update",
            Self::Activate => "Auth:Users:Activate",
            Self::Deactivate => "Auth:Users:Deactivate",
            Self::Delete => "Auth:Users:Delete",
        }
    }

    /// What a change of a user is permitted by.
    const fn of(change: UserChange) -> Self {
        match change {
            UserChange::Nothing => Self::Update,
            UserChange::Activate => Self::Activate,
            UserChange::Deactivate => Self::Deactivate,
            UserChange::Delete => Self::Delete,
        }
    }
}

impl fmt::Display for UserPermission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whoever asks is signed in, but is not an administrator. The text is the one that clients of the API
/// know (API contract §7).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {user} is not authorized to perform operation ({permission})")]
pub struct PermissionMissing {
    /// What whoever asks is to the organization.
    pub kind: UserKind,
    /// Who asks.
    pub user: UserId,
    /// What was asked for.
    pub permission: UserPermission,
}

impl PermissionMissing {
    fn of(session: &Session, permission: UserPermission) -> Self {
        Self {
            kind: session.user_kind,
            user: session.user.clone(),
            permission,
        }
    }
}

/// Why users are not shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadUsersError {
    /// Whoever asks is not an administrator.
    #[error(transparent)]
    PermissionMissing(#[from] PermissionMissing),
    /// The organization has no such user.
    #[error("there is no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is said of a user who is to be made: an employee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateUser {
    /// The e-mail address: what the user signs in with, and where the invitation goes.
    pub username: Username,
    /// What the organization itself calls the user.
    pub external_id: Option<ExternalId>,
}

/// Why a user is not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// The user action is void: its user or credential has gone.
    #[error("the user action is not valid")]
    InvalidUserAction,
    /// The user action was used before.
    #[error("the user action has already been used")]
    UserActionSpent,
    /// Whoever asks is not an administrator.
    #[error(transparent)]
    PermissionMissing(#[from] PermissionMissing),
    /// There is a user of that name who has registered, or was deactivated.
    #[error("there is a user of that name already")]
    AlreadyExists,
    /// There is a user of that external id.
    #[error("there is a user of that external id already")]
    ExternalIdTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a user is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeUserError {
    /// The user action is void: its user or credential has gone.
    #[error("the user action is not valid")]
    InvalidUserAction,
    /// The user action was used before.
    #[error("the user action has already been used")]
    UserActionSpent,
    /// Whoever asks is not an administrator.
    #[error(transparent)]
    PermissionMissing(#[from] PermissionMissing),
    /// The organization has no such user.
    #[error("there is no such user")]
    NotFound,
    /// The user is the organization's last active administrator.
    #[error("the last active administrator of an organization cannot be removed")]
    LastAdministrator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Manages users.
pub struct Users {
    /// What every ceremony works with.
    pub ceremonies: Ceremonies,
    /// Digests registration codes.
    pub digester: Arc<dyn CodeDigester>,
    /// Keeps users.
    pub store: Arc<dyn UserStore>,
}

impl Users {
    /// Part of the list of the organization's users, oldest first.
    ///
    /// # Errors
    /// [`ReadUsersError`].
    pub async fn list(
        &self,
        session: &Session,
        page: &UserPage,
    ) -> Result<user_store::Users, ReadUsersError> {
        self.store
            .list(&reader(session), page)
            .await
            .map_err(|error| ReadUsersError::of(session, error))
    }

    /// A user of the organization.
    ///
    /// # Errors
    /// [`ReadUsersError`].
    pub async fn find(
        &self,
        session: &Session,
        user: &UserId,
    ) -> Result<UserEntry, ReadUsersError> {
        self.store
            .find(&reader(session), user)
            .await
            .map_err(|error| ReadUsersError::of(session, error))?
            .ok_or(ReadUsersError::NotFound)
    }

    /// Makes an employee and mails the code to register with; somebody who was invited before and has
    /// not registered gets a new code, which voids the earlier one.
    ///
    /// # Errors
    /// [`CreateUserError`].
    pub async fn create(
        &self,
        request: &SignedRequest,
        new: CreateUser,
    ) -> Result<UserEntry, CreateUserError> {
        let user = User {
            id: UserId::from_random(&self.ceremonies.entropy.draw()),
            organization: request.session.organization.clone(),
            username: new.username,
            kind: UserKind::CustomerEmployee,
            external_id: new.external_id,
            is_administrator: false,
            is_active: true,
            epoch: Epoch::default(),
            registered: None,
            created: self.ceremonies.now(),
        };
        let (mut invitation, code) = invitation(&self.ceremonies, self.digester.as_ref(), user);
        let message = self
            .ceremonies
            .messages
            .registration(&invitation.user, &code, invitation.code.code.expires)
            .await?;
        invitation.message = Some(message);
        self.store
            .create(request.authority(), invitation)
            .await
            .map_err(|error| CreateUserError::of(&request.session, error))
    }

    /// Changes a user of the organization, and gives the user as of then; one who was deleted, as
    /// before. Asking for the state the user is in changes nothing.
    ///
    /// # Errors
    /// [`ChangeUserError`].
    pub async fn change(
        &self,
        request: &SignedRequest,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError> {
        self.store
            .change(request.authority(), user, change)
            .await
            .map_err(|error| {
                let missing = PermissionMissing::of(&request.session, UserPermission::of(change));
                ChangeUserError::of(missing, error)
            })
    }
}

fn reader(session: &Session) -> Reader {
    Reader {
        organization: session.organization.clone(),
        administrator: session.user.clone(),
    }
}

impl ReadUsersError {
    fn of(session: &Session, error: user_store::ReadUsersError) -> Self {
        match error {
            user_store::ReadUsersError::NotAdministrator(_) => {
                PermissionMissing::of(session, UserPermission::Read).into()
            }
            user_store::ReadUsersError::Store(error) => error.into(),
        }
    }
}

impl CreateUserError {
    fn of(session: &Session, error: user_store::CreateUserError) -> Self {
        match error {
            user_store::CreateUserError::Authority(AuthorityConflict::Spent(
                Spendable::UserAction,
            )) => Self::UserActionSpent,
            user_store::CreateUserError::Authority(
                AuthorityConflict::Void
                | AuthorityConflict::Spent(Spendable::Challenge | Spendable::Session),
            ) => Self::InvalidUserAction,
            user_store::CreateUserError::NotAdministrator(_) => {
                PermissionMissing::of(session, UserPermission::Create).into()
            }
            user_store::CreateUserError::AlreadyExists => Self::AlreadyExists,
            user_store::CreateUserError::ExternalIdTaken => Self::ExternalIdTaken,
            user_store::CreateUserError::Store(error) => error.into(),
        }
    }
}

impl ChangeUserError {
    fn of(missing: PermissionMissing, error: user_store::ChangeUserError) -> Self {
        match error {
            user_store::ChangeUserError::Authority(AuthorityConflict::Spent(
                Spendable::UserAction,
            )) => Self::UserActionSpent,
            user_store::ChangeUserError::Authority(
                AuthorityConflict::Void
                | AuthorityConflict::Spent(Spendable::Challenge | Spendable::Session),
            ) => Self::InvalidUserAction,
            user_store::ChangeUserError::NotAdministrator(_) => missing.into(),
            user_store::ChangeUserError::NotFound => Self::NotFound,
            user_store::ChangeUserError::LastAdministrator => Self::LastAdministrator,
            user_store::ChangeUserError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;

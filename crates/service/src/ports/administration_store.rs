//! What an administrator does from the command line.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::NewAccountCode,
    application::{Application, native::NativeApplications},
    id::{ApplicationId, OrganizationId, UserId},
    message::NewMessage,
    organization::{Approval, Organization},
    user::User,
};

use super::store::StoreError;

/// A user that is to be invited, with the code to register with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The user, who has no credential yet.
    pub user: User,
    /// The code; its `user` is the user's id, its `epoch` the user's.
    pub code: NewAccountCode,
    /// The message that brings the code, when it is to be sent.
    pub message: Option<NewMessage>,
}

/// An organization that is to be made, with what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrganization {
    /// The organization.
    pub organization: Organization,
    /// Its first application.
    pub application: Application,
    /// Its first administrator.
    pub administrator: Invitation,
}

/// Why an organization is not made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// There is one of that name; nothing was changed.
    #[error("there is an organization of that name already")]
    NameTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a user is not invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// There is no such organization.
    #[error("there is no such organization")]
    UnknownOrganization,
    /// The user has registered already, or is not active.
    #[error("the user has registered already, or was deactivated")]
    AlreadyRegistered,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the rights of a user are not taken away.
#[derive(Debug, thiserror::Error)]
pub enum SetUserError {
    /// The user is the organization's last active administrator.
    #[error("the user is the last active administrator of the organization")]
    LastAdministrator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an application is not added.
#[derive(Debug, thiserror::Error)]
pub enum AddApplicationError {
    /// There is no such organization.
    #[error("there is no such organization")]
    UnknownOrganization,
    /// Another application of the organization lists one of the origins.
    #[error("another application of the organization lists one of these origins already")]
    OriginTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who there is in the whole installation, as far as warnings need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Whether there is more than one user.
    pub has_several_users: bool,
    /// Whether anybody has registered.
    pub has_registered: bool,
}

/// Makes and changes what only an administrator may.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AdministrationStore: Send + Sync {
    /// Whether there is no organization at all.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_empty(&self) -> Result<bool, StoreError>;

    /// Who there is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn population(&self) -> Result<Population, StoreError>;

    /// Makes an organization with its first application and administrator. Of any number of calls for
    /// one name at once, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`BootstrapError`].
    async fn bootstrap(&self, new: NewOrganization) -> Result<(), BootstrapError>;

    /// Invites a user. For a username that is unknown the user is made; for a user who is active and
    /// has not registered yet the code takes the place of any earlier one, and of the given user only
    /// whether it is to be an administrator is used, when it is. Code and message become those of the user
    /// as kept, whom it gives.
    ///
    /// # Errors
    /// [`InviteError`].
    async fn invite(&self, invitation: Invitation) -> Result<User, InviteError>;

    /// Activates or deactivates a user; deactivating raises the epoch, which ends every session, code
    /// and user action at once. `false` when there is no such user. The last active administrator of an
    /// organization stays active, under any concurrency. The message is kept when something changes.
    ///
    /// # Errors
    /// [`SetUserError`]; nothing is changed then.
    async fn set_user_active(
        &self,
        user: &UserId,
        active: bool,
        told: Option<NewMessage>,
    ) -> Result<bool, SetUserError>;

    /// Makes a user an administrator of the organization, or the reverse. `false` when there is no such
    /// user. The last active administrator of an organization stays one, under any concurrency. The message is
    /// kept when something changes.
    ///
    /// # Errors
    /// [`SetUserError`]; nothing is changed then.
    async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
        told: Option<NewMessage>,
    ) -> Result<bool, SetUserError>;

    /// Sets whether credentials made with a code wait for their owner. `false` when there is no such
    /// organization.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_approval(
        &self,
        organization: &OrganizationId,
        approval: Approval,
    ) -> Result<bool, StoreError>;

    /// Adds an application to its organization.
    ///
    /// # Errors
    /// [`AddApplicationError`].
    async fn add_application(&self, application: Application) -> Result<(), AddApplicationError>;

    /// Activates or deactivates an application. `false` when there is no such application.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<bool, StoreError>;

    /// Sets which native applications use the RP id of an application, in place of earlier ones.
    /// `false` when there is no such application.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<bool, StoreError>;
}

//! What an administrator does from the command line.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::{
    application::{
        Application, ApplicationError, Origin, RelyingParty, RpId,
        look::{Accent, Logo, Look},
        native::NativeApplications,
        pages::{EnrolUrl, Pages},
    },
    credential::Credential,
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    message::NewMessage,
    organization::{Organization, Setting},
    text::{ApplicationName, OrganizationName},
    user::User,
};

use super::{
    credential_store::ChangeError,
    store::StoreError,
    user_store::{Invitation, UserList, UserPage},
};

/// Makes the message that tells the owner of a credential what became of it.
pub type Notice = Arc<dyn Fn(&Credential) -> NewMessage + Send + Sync>;

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
    /// An application of another organization lists one of the origins; nothing was changed.
    #[error("an application of another organization lists one of these origins already")]
    OriginTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an organization is not called something else.
#[derive(Debug, thiserror::Error)]
pub enum RenameOrganizationError {
    /// Another one is called so.
    #[error("there is an organization of that name already")]
    NameTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What goes with an organization where nobody has registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacancy {
    /// How many users were invited to it, active or not.
    pub users: u64,
    /// How many applications it has, active or not.
    pub applications: u64,
}

/// Why an organization is not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteOrganizationError {
    /// There is no such organization.
    #[error("there is no such organization")]
    NotFound,
    /// So many of its users have registered.
    #[error("so many of its users have registered: {0}")]
    HasRegistered(u64),
    /// Users who are gone by now have signed actions there, and that they did stays.
    #[error("users who are gone have signed actions there")]
    HasSigned,
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
    /// It cannot be as described.
    #[error(transparent)]
    Invalid(#[from] ApplicationError),
    /// Another application, of whichever organization, lists one of the origins.
    #[error("another application lists one of these origins already")]
    OriginTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of a change that something may be in no need of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something is different now.
    Changed,
    /// All was so already.
    Unneeded,
    /// There is nothing of that id.
    NotFound,
}

impl Effect {
    /// That of a change which always changes something, if there is anything of that id.
    pub const fn on(is_there: bool) -> Self {
        if is_there {
            Self::Changed
        } else {
            Self::NotFound
        }
    }

    /// That of a change to what is there.
    pub const fn of(is_changed: bool) -> Self {
        if is_changed {
            Self::Changed
        } else {
            Self::Unneeded
        }
    }

    /// Whether there is something of that id.
    pub const fn is_there(self) -> bool {
        matches!(self, Self::Changed | Self::Unneeded)
    }

    /// Whether something is different now.
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Changed)
    }
}

/// An organization, and how many users it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationEntry {
    /// The organization.
    pub organization: Organization,
    /// How many users, active or not.
    pub users: u64,
    /// How many of them have registered.
    pub registered: u64,
}

/// An application, and how many passkeys there are for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationEntry {
    /// The application.
    pub application: Application,
    /// How many passkeys, active or not.
    pub passkeys: u64,
}

/// What is to be different about an application; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationUpdate {
    /// What it is to be called.
    pub name: Option<ApplicationName>,
    /// Its RP id.
    pub rp_id: Option<RpId>,
    /// All its origins.
    pub origins: Option<Vec<Origin>>,
    /// Whether its hosts show the pages of this service.
    pub has_pages: Option<bool>,
    /// Its own page for entering codes.
    pub enrol_url: Option<NewEnrolUrl>,
    /// Its colour.
    pub accent: Option<New<Accent>>,
    /// Its logo.
    pub logo: Option<New<Logo>>,
}

/// What becomes of something that an application may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum New<T> {
    /// There is none.
    None,
    /// It is this.
    At(T),
}

/// What becomes of an application's own page for entering codes.
pub type NewEnrolUrl = New<EnrolUrl>;

impl<T> New<T> {
    /// What is there afterwards, where that is wanted, else what was before.
    fn instead_of(wanted: Option<Self>, before: Option<T>) -> Option<T> {
        match wanted {
            Some(Self::At(new)) => Some(new),
            Some(Self::None) => None,
            None => before,
        }
    }
}

impl ApplicationUpdate {
    /// The application as it is to be.
    ///
    /// # Errors
    /// [`ApplicationError`] when RP id, origins and page for codes do not fit each other.
    pub fn of(self, application: &Application) -> Result<Application, ApplicationError> {
        let party = &application.relying_party;
        let relying_party = match (self.rp_id, self.origins) {
            (None, None) => party.clone(),
            (rp_id, origins) => RelyingParty::new(
                rp_id.unwrap_or_else(|| party.rp_id().clone()),
                origins.unwrap_or_else(|| party.origins().to_vec()),
            )?,
        };
        let before = &application.pages;
        let tag = self.logo.map(|wanted| match wanted {
            New::At(logo) => New::At(logo.tag()),
            New::None => New::None,
        });
        let pages = Pages {
            ours: self.has_pages.unwrap_or(before.ours),
            enrol_url: New::instead_of(self.enrol_url, before.enrol_url.clone()),
            look: Look {
                accent: New::instead_of(self.accent, before.look.accent),
                logo: New::instead_of(tag, before.look.logo.clone()),
            },
        };
        pages.fit(&relying_party)?;
        Ok(Application {
            name: self.name.unwrap_or_else(|| application.name.clone()),
            relying_party,
            pages,
            ..application.clone()
        })
    }
}

/// An application that was changed, or was as it was to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedApplication {
    /// The application as it is now.
    pub application: Application,
    /// Whether it was different before.
    pub is_changed: bool,
}

/// Why an application is not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateApplicationError {
    /// There is no such application.
    #[error("there is no such application")]
    NotFound,
    /// It cannot be as described.
    #[error(transparent)]
    Invalid(#[from] ApplicationError),
    /// Passkeys are bound to the RP id that they were made for.
    #[error("it has passkeys ({0}), which work for no other RP id")]
    HasPasskeys(u64),
    /// Another application, of whichever organization, lists one of the origins.
    #[error("another application lists one of these origins already")]
    OriginTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who loses what with an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many passkeys there are for it, active or not.
    pub passkeys: u64,
    /// How many users have one.
    pub users: u64,
    /// How many of these can sign in with one of them and with nothing else.
    pub locked_out: u64,
}

/// Why an application is not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteApplicationError {
    /// There is no such application.
    #[error("there is no such application")]
    NotFound,
    /// There are passkeys for it, and nobody said that they are to go too.
    #[error("it has passkeys ({})", .0.passkeys)]
    HasPasskeys(Loss),
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

    /// Every organization, active or not, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn organizations(&self) -> Result<Vec<OrganizationEntry>, StoreError>;

    /// Every application, active or not, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn applications(&self) -> Result<Vec<ApplicationEntry>, StoreError>;

    /// Part of the list of all users, or of those of one organization, oldest first. Whoever follows
    /// [`UserList::next`] meets everyone who was there all the while exactly once.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_users(
        &self,
        organization: Option<OrganizationId>,
        page: &UserPage,
    ) -> Result<UserList, StoreError>;

    /// Makes an organization with its first application and administrator. Of any number of calls for
    /// one name, or one origin, at once, exactly one returns `Ok`.
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
    /// and user action at once. The last active administrator of an organization stays active, under any
    /// concurrency. The message is kept when something changes.
    ///
    /// # Errors
    /// [`SetUserError`]; nothing is changed then.
    async fn set_user_active(
        &self,
        user: &UserId,
        active: bool,
        told: Option<NewMessage>,
    ) -> Result<Effect, SetUserError>;

    /// Makes a user an administrator of the organization, or the reverse. The last active administrator of an
    /// organization stays one, under any concurrency. The message is kept when something changes.
    ///
    /// # Errors
    /// [`SetUserError`]; nothing is changed then.
    async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
        told: Option<NewMessage>,
    ) -> Result<Effect, SetUserError>;

    /// Deletes a user with all credentials, codes and messages; username and external id are free again.
    /// Signed user actions are evidence and stay. `false` when there is no such user. The last active
    /// administrator of an organization stays, under any concurrency.
    ///
    /// # Errors
    /// [`SetUserError`]; nothing is changed then.
    async fn delete_user(&self, user: &UserId) -> Result<bool, SetUserError>;

    /// Deactivates a credential of a user, with all that follows when the user does it, see
    /// [`CredentialStore::set_active`](super::credential_store::CredentialStore::set_active). The message is kept
    /// when something changes; gives whether it does.
    ///
    /// # Errors
    /// [`ChangeError`], but for an authority, since none is needed; nothing is changed then.
    async fn deactivate_credential(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
        told: NewMessage,
    ) -> Result<bool, ChangeError>;

    /// Raises the epoch of a user, which ends every session, code and user action, and refuses what waits for
    /// approval. `false` when there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_sessions(&self, user: &UserId) -> Result<bool, StoreError>;

    /// Ends every open code of a user, of every kind, and refuses what waits for approval; sessions go on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_codes(&self, user: &UserId) -> Result<Effect, StoreError>;

    /// Sets what an organization says about what is made with codes.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_organization(
        &self,
        organization: &OrganizationId,
        setting: Setting,
    ) -> Result<Effect, StoreError>;

    /// Gives an organization another name. Of any number of organizations that are to have one name at once, exactly
    /// one has it.
    ///
    /// # Errors
    /// [`RenameOrganizationError`]; nothing is changed then.
    async fn rename_organization(
        &self,
        organization: &OrganizationId,
        name: &OrganizationName,
    ) -> Result<Effect, RenameOrganizationError>;

    /// Deletes an organization where nobody has registered and nobody has signed anything, with its applications,
    /// whose origins are free then, and with whoever was invited, and tells what went with it. Whoever registers
    /// meanwhile keeps it, or finds nothing to register at, under any concurrency.
    ///
    /// # Errors
    /// [`DeleteOrganizationError`]; nothing is changed then.
    async fn delete_organization(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vacancy, DeleteOrganizationError>;

    /// Adds an application to its organization, with the logo whose tag it has. An origin belongs to one application,
    /// under any concurrency.
    ///
    /// # Errors
    /// [`AddApplicationError`]; nothing is kept then.
    async fn add_application(
        &self,
        application: Application,
        logo: Option<Logo>,
    ) -> Result<(), AddApplicationError>;

    /// Changes an application, and gives it as of then, and whether it was different before. Its RP id stays while
    /// there is a passkey for it, active or not. The bytes of a logo are kept beside it, for
    /// [`DirectoryStore::logo`](super::directory_store::DirectoryStore::logo). An origin belongs to one application,
    /// under any concurrency.
    ///
    /// # Errors
    /// [`UpdateApplicationError`]; nothing is changed then.
    async fn update_application(
        &self,
        application: &ApplicationId,
        update: ApplicationUpdate,
    ) -> Result<UpdatedApplication, UpdateApplicationError>;

    /// Deletes an application, whose origins are free then, and tells what went with it. With passkeys for it
    /// only when that is wanted, and then with a notice of each of them: they are deleted, which ends their
    /// sessions, and every open credential code of their users is cancelled and what waits for approval refused,
    /// as always when a credential is taken away.
    /// Codes that bring somebody back, such as those to recover, stay.
    ///
    /// # Errors
    /// [`DeleteApplicationError`]; nothing is changed then.
    async fn delete_application(
        &self,
        application: &ApplicationId,
        with_passkeys: Option<Notice>,
    ) -> Result<Loss, DeleteApplicationError>;

    /// Activates or deactivates an application.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<Effect, StoreError>;

    /// Sets which native applications use the RP id of an application, in place of earlier ones.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<Effect, StoreError>;
}

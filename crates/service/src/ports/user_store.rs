//! Managing the users of an organization.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::NewAccountCode,
    authority::Authority,
    id::{CredentialUuid, OrganizationId, UserId},
    message::NewMessage,
    page::PageSize,
    text::SearchText,
    time::Timestamp,
    user::{User, UserKind},
};

use super::store::{AuthorityConflict, StoreError};

/// A user as administrators see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEntry {
    /// The user.
    pub user: User,
    /// The user's oldest credential, active or not; none until the user has registered.
    pub credential: Option<CredentialUuid>,
}

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

/// Who reads: must be an active administrator of that organization, in the very statement that reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The organization whose users are read.
    pub organization: OrganizationId,
    /// The administrator.
    pub administrator: UserId,
}

/// A place in the list of users, which is in the order of their creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPosition {
    /// When the user was made.
    pub created: Timestamp,
    /// Orders users who were made at the same moment.
    pub id: UserId,
}

impl UserPosition {
    /// The place of that user.
    pub fn of(user: &User) -> Self {
        Self {
            created: user.created,
            id: user.id.clone(),
        }
    }
}

/// Which part of the list of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPage {
    /// How many users at most.
    pub size: PageSize,
    /// Only users after this place.
    pub after: Option<UserPosition>,
    /// Only users of this kind.
    pub kind: Option<UserKind>,
    /// Only users who are found by this text, see [`User::is_found_by`].
    pub search: Option<SearchText>,
}

/// Part of the list of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserList {
    /// The users, oldest first.
    pub users: Vec<UserEntry>,
    /// The place after which the next part begins; none when this is the last part.
    pub next: Option<UserPosition>,
}

/// Whoever asks is not an active administrator of the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an administrator of the organization")]
pub struct NotAdministrator;

/// Why users are not shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadUsersError {
    /// The reader is not an administrator.
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a user is not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// The authority's user is not an administrator.
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
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

/// What becomes of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// Nothing; that there is such a user is required all the same.
    Nothing,
    /// The user can act again.
    Activate,
    /// The user cannot act any more: the epoch is raised, which ends every session, code and user action.
    Deactivate,
    /// The user is gone with all credentials, codes and messages; username and external id are free
    /// again. Signed user actions are evidence and stay.
    Delete,
}

/// Why a user is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeUserError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// The authority's user is not an administrator.
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    /// The organization has no such user.
    #[error("the organization has no such user")]
    NotFound,
    /// The user is the organization's last active administrator.
    #[error("the user is the last active administrator of the organization")]
    LastAdministrator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Manages the users of an organization. Everything here requires an administrator of it: reads in the
/// statement that reads, changes in the transaction that changes. Users of other organizations do not
/// exist for these calls.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Part of the list of users, in one statement; in two when somebody is looked for. Whoever follows
    /// [`UserList::next`] from the beginning to the end meets everyone who was there all the while exactly once,
    /// whoever is made or deleted meanwhile. A part of a search may have fewer users than were asked for, or
    /// none, and yet not be the last: so many users are looked at for one part as a store thinks right.
    ///
    /// # Errors
    /// [`ReadUsersError`].
    async fn list(&self, reader: &Reader, page: &UserPage) -> Result<UserList, ReadUsersError>;

    /// A user, in one statement.
    ///
    /// # Errors
    /// [`ReadUsersError`].
    async fn find(
        &self,
        reader: &Reader,
        user: &UserId,
    ) -> Result<Option<UserEntry>, ReadUsersError>;

    /// Makes a user. For somebody of that name who is active and has not registered yet, the code takes
    /// the place of any earlier one, and nothing of the given user is used. Code and message become those of
    /// the user as kept. Unique indexes decide whether username and external id are free: of any number of
    /// concurrent calls for one, all that return `Ok` tell of the same user.
    ///
    /// # Errors
    /// [`CreateUserError`]; nothing is changed or used up then.
    async fn create(
        &self,
        authority: Authority,
        invitation: Invitation,
    ) -> Result<UserEntry, CreateUserError>;

    /// Changes a user, and gives the user as of then; one who was deleted, as before. Asking for the state
    /// the user is in uses up the authority and changes nothing else. The last active administrator of an
    /// organization is neither deactivated nor deleted, under any concurrency. What the authority tells is told
    /// when something changes; a deleted user can be told nothing.
    ///
    /// # Errors
    /// [`ChangeUserError`]; nothing is changed or used up then.
    async fn change(
        &self,
        authority: Authority,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError>;
}

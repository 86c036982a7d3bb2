//! Changing a user's credentials.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    credential::Credential,
    id::{ChallengeId, CredentialUuid},
    text::CredentialName,
    time::Timestamp,
};

use super::store::{AuthorityConflict, StoreError};

/// Why a credential is not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// The organization has a credential with that credential id; nothing is told about its owner.
    #[error("the credential id is registered already")]
    CredentialIdTaken,
    /// The user has [`Credential::MAXIMUM_PER_USER`] credentials, without those that have waited in vain
    /// when the new one is created.
    #[error("the user has as many credentials as are allowed")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a credential is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// The user has no such credential.
    #[error("the user has no such credential")]
    NotFound,
    /// It is the user's last usable credential: removing it would lock the user out.
    #[error("it is the last credential the user can sign in with")]
    LastUsable,
    /// It waits for approval.
    #[error("the credential waits for approval")]
    Waits,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new name for a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewName {
    /// The credential.
    pub credential: CredentialUuid,
    /// What it is to be called.
    pub name: CredentialName,
    /// When.
    pub date: Timestamp,
}

/// Changes a user's credentials. Every change locks the user's row first, so that rules about all
/// credentials of a user hold under any concurrency.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// Makes a credential. A unique index, not a look-up, decides whether its credential id is free; the
    /// id of a credential that has waited in vain when this one is created is.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is changed or used up then.
    async fn create(&self, authority: Authority, credential: Credential)
    -> Result<(), CreateError>;

    /// Makes a recovery key, and deletes every other one of the authority's user in the same transaction: of several
    /// calls at once one key stays. Those that are deleted need no room, but their credential ids are taken until
    /// then. As with [`delete`](Self::delete), every code of the user that is not redeemed is cancelled, and what
    /// waits for approval refused.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is changed or used up then.
    async fn renew_recovery_key(
        &self,
        authority: Authority,
        recovery_key: Credential,
    ) -> Result<(), CreateError>;

    /// Activates or deactivates a credential of the authority's user. Asking for the state it is in
    /// uses up the authority, changes nothing else and keeps none of its messages: that is decided where
    /// the change is, so of several calls at once one tells. Two calls at once cannot deactivate the last
    /// two usable credentials. Deactivating cancels every code of the user that is not redeemed, refuses
    /// what waits for approval, and ends what rests on the credential for good: a session, user action or
    /// challenge from before `at` does not hold again when the credential is activated.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed or used up then.
    async fn set_active(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
    ) -> Result<(), ChangeError>;

    /// Gives a credential of the authority's user another name, and the credential as it is then.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed or used up then.
    async fn rename(&self, authority: Authority, new: NewName) -> Result<Credential, ChangeError>;

    /// Deletes a credential of the authority's user; its credential id is free again. Deleting one that
    /// waits refuses it. Two calls at once
    /// cannot delete the last two usable credentials. Every code of the user that is not redeemed is
    /// cancelled, and what waits for approval refused.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed or used up then.
    async fn delete(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError>;

    /// Notes that a true signature came with a counter that went back, unless its challenge was spent before, or an
    /// [action](latchkey_domain::id::UserActionId::of) signed with it: then it is an answer that was sent again, and
    /// `false` tells so, as it does when the credential is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn note_counter_regression(
        &self,
        credential: &CredentialUuid,
        challenge: &ChallengeId,
        at: Timestamp,
    ) -> Result<bool, StoreError>;
}

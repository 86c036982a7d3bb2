//! Keeping credential codes.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    credential::Credential,
    credential_code::{ClaimedCode, CodeDigest, CredentialCode, NewCredentialCode, RedeemedCode},
    id::UserId,
    user::User,
};

use super::store::{AuthorityConflict, StoreError};
use crate::ports::credential_store::CreateError;

/// A code with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCode {
    /// The code.
    pub code: CredentialCode,
    /// Its owner.
    pub user: User,
}

/// Why a code is not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// A code of the same text exists. With 45 random bits this happens about never; draw again.
    #[error("a code of the same text exists")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a code is not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// It is not issued any more, or its owner or issuing credential is not active any more.
    #[error("the code cannot be claimed any more")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a code is not redeemed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// It is not claimed by this challenge any more: cancelled, or redeemed before.
    #[error("the code cannot be redeemed any more")]
    Lost,
    /// The credential cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
}

/// Keeps credential codes. Codes are told by keyed digest; their texts are kept nowhere.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait CredentialCodeStore: Send + Sync {
    /// Issues a code, and in the same transaction cancels every code of the user that is not redeemed.
    /// The user's row is locked first, so of several calls at once exactly one code stays live.
    ///
    /// # Errors
    /// [`IssueError`]; nothing is changed then.
    async fn issue(&self, authority: Authority, new: NewCredentialCode) -> Result<(), IssueError>;

    /// The code with that digest, whatever its state, and its owner: one statement, the same whether
    /// there is such a code or not. Codes of an organization that is not active are not found.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, digest: &CodeDigest) -> Result<Option<HeldCode>, StoreError>;

    /// Claims a code. Required in the same transaction: it is issued and not expired at the date of the
    /// claim; its owner is active and of the epoch of the code; its issuing credential is active. Of
    /// any number of concurrent calls for one code, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is changed then.
    async fn claim(&self, claimed: ClaimedCode) -> Result<(), ClaimError>;

    /// Redeems a code that exactly this challenge claimed, and makes the credential. Of any number of
    /// concurrent calls for one code, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`RedeemError`]; nothing is changed then.
    async fn redeem(
        &self,
        authority: Authority,
        redeemed: RedeemedCode,
        credential: Credential,
    ) -> Result<(), RedeemError>;

    /// The code of that user that was issued last, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn newest(&self, user: &UserId) -> Result<Option<CredentialCode>, StoreError>;

    /// Cancels every code of that user that is not redeemed, claimed ones included. Without any, nothing
    /// happens.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cancel_all(&self, user: &UserId) -> Result<(), StoreError>;
}

//! Keeping credential codes.

use async_trait::async_trait;
use latchkey_domain::{
    approval::Decision,
    authority::Authority,
    credential::{Credential, CredentialState},
    credential_code::{
        CodeDigest, CodeEntry, CodeForm, CredentialCode, NewCredentialCode, RedeemedCode,
        ReleasedCode,
    },
    id::{CredentialCodeId, CredentialUuid, UserId},
    organization::Approval,
    text::CredentialName,
    user::User,
};

use super::{
    account_store::HeldPasskey,
    store::{AuthorityConflict, StoreError},
};
use crate::ports::credential_store::CreateError;

/// A code with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCode {
    /// The code.
    pub code: CredentialCode,
    /// Its owner.
    pub user: User,
}

/// A code with its owner and the owner's passkeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCode {
    /// The code.
    pub code: CredentialCode,
    /// Its owner.
    pub owner: User,
    /// All that the owner has, active or not, oldest first.
    pub passkeys: Vec<HeldPasskey>,
}

/// A code that was claimed: what a challenge for it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedCode {
    /// Identifies the code.
    pub id: CredentialCodeId,
    /// The credential whose session issued it.
    pub issuer: CredentialUuid,
    /// What the credential is called, if the code says so.
    pub name: Option<CredentialName>,
    /// Its owner, still in the epoch in which it was issued.
    pub owner: User,
    /// The owner's passkeys, active or not, oldest first.
    pub passkeys: Vec<HeldPasskey>,
}

impl From<FoundCode> for ClaimedCode {
    fn from(found: FoundCode) -> Self {
        Self {
            id: found.code.id,
            issuer: found.code.issuer,
            name: found.code.binding.name,
            owner: found.owner,
            passkeys: found.passkeys,
        }
    }
}

/// The decision that a code is redeemed, and the credential that is made with it: one that waits, where the code's
/// organization asks its owners for approval, and one that is active where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// The decision about the code.
    pub redeemed: RedeemedCode,
    /// The credential.
    pub credential: Credential,
}

impl Redemption {
    /// What the organization must ask for.
    #[must_use]
    pub const fn approval(&self) -> Approval {
        match self.credential.state {
            CredentialState::Waiting { .. } => Approval::Always,
            CredentialState::Active | CredentialState::Inactive => Approval::Never,
        }
    }
}

/// Why a code is not redeemed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// The credential is not made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The organization asks for something else by now.
    #[error("the organization asks for approval: {}", .0.as_str())]
    Asks(Approval),
}

impl From<AuthorityConflict> for RedeemError {
    fn from(conflict: AuthorityConflict) -> Self {
        Self::Create(conflict.into())
    }
}

impl From<StoreError> for RedeemError {
    fn from(error: StoreError) -> Self {
        Self::Create(error.into())
    }
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
    /// There is none that the entry claims, or what its owner allowed does not stand any more. What was found is told
    /// to who keeps the log, and nobody else.
    #[error("there is no such code that can be claimed")]
    Refused(Option<Box<FoundCode>>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a code is not given back.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It is not claimed by that challenge, or not any more: it was redeemed, cancelled or given back.
    #[error("the code is not claimed by that challenge any more")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a decision about a credential that waits does not take effect.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// The user has no credential that waits, of that identifier, at that date and of the user's present
    /// epoch: another decision came first, or it is too late.
    #[error("no such credential waits for approval")]
    NotWaiting,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps credential codes. Codes are told by keyed digest; their texts are kept nowhere.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait CredentialCodeStore: Send + Sync {
    /// Issues a code, and in the same transaction cancels every code of the user that is not redeemed and
    /// refuses what waits for approval.
    /// The user's row is locked first, so of several calls at once exactly one code stays live.
    ///
    /// # Errors
    /// [`IssueError`]; nothing is changed then.
    async fn issue(&self, authority: Authority, new: NewCredentialCode) -> Result<(), IssueError>;

    /// The code that has that digest in that form, whatever its state, and its owner with all passkeys: one statement,
    /// the same whether there is such a code or not. Codes of an organization that is not active are not found.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
    ) -> Result<Option<FoundCode>, StoreError>;

    /// Claims the code that has that digest in that form. Required in the same transaction: the [entry claims
    /// it](CodeEntry::claims), and [`Authority::of_code`] holds. Of any number of concurrent calls for one code,
    /// exactly one returns `Ok`. Each entry has a challenge of its own, so that a store can carry a claim out again
    /// when it does not know what came of it.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is changed then, unless what was claimed cannot be read. Nothing but that the owner's
    /// authority does not hold may take longer than a code that there is not.
    async fn claim(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
        entry: CodeEntry,
    ) -> Result<ClaimedCode, ClaimError>;

    /// Redeems a code that exactly this challenge claimed, and makes the credential. Required in the same transaction:
    /// the organization asks for [what it is made for](Redemption::approval). Of any number of concurrent calls for
    /// one code, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`RedeemError`]; nothing is changed or used up then. A code that is not claimed by this challenge any more
    /// (cancelled, or redeemed before) voids the authority.
    async fn redeem(&self, authority: Authority, redemption: Redemption)
    -> Result<(), RedeemError>;

    /// Ends a code that exactly this challenge claimed, and says why. Nothing else is required: it only takes
    /// away what the challenge could have been used for. Of any number of calls that redeem, cancel or give
    /// it back at once, exactly one takes effect.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing is changed then.
    async fn release(&self, released: ReleasedCode) -> Result<(), ReleaseError>;

    /// Approves or refuses a credential of the authority's user that waits: approved, it is active;
    /// refused, it is deleted. Of any number of concurrent decisions, new codes and cancellations, exactly
    /// one decides.
    ///
    /// # Errors
    /// [`DecideError`]; nothing is changed or used up then.
    async fn decide(&self, authority: Authority, decision: Decision) -> Result<(), DecideError>;

    /// The code of that identifier and its owner; codes of an organization that is not active are not
    /// found.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_by_id(&self, code: &CredentialCodeId) -> Result<Option<HeldCode>, StoreError>;

    /// The code of that user that was issued last, whatever its state and whatever clocks said.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn newest(&self, user: &UserId) -> Result<Option<CredentialCode>, StoreError>;

    /// Cancels every code of that user that is not redeemed, claimed ones included, and refuses what
    /// waits for approval. Without any, nothing happens.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cancel_all(&self, user: &UserId) -> Result<(), StoreError>;
}

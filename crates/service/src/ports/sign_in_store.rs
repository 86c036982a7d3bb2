//! Using credentials: to sign in and to sign user actions.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    challenge::ActionNonce,
    credential::key::PublicKey,
    id::{CredentialUuid, UserActionId},
    time::Timestamp,
    user_action::UserAction,
};

use super::{
    proof_verifier::{AssertionProof, AuthenticatorState},
    store::{AuthorityConflict, StoreError},
};

/// One use of a credential whose proof was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialUse {
    /// The credential.
    pub credential: CredentialUuid,
    /// The authenticator's state, for passkeys.
    pub state: Option<AuthenticatorState>,
    /// When.
    pub date: Timestamp,
}

/// What proves later that a user agreed to an action: with the nonce the challenge can be computed
/// again, and with the public key the signature over it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The user action that came of it, which is that [of its challenge](UserActionId::of).
    pub id: UserActionId,
    /// What was signed.
    pub action: UserAction,
    /// What made the challenge unpredictable.
    pub nonce: ActionNonce,
    /// The proof of the first factor.
    pub proof: AssertionProof,
    /// The key that it was verified with, which the credential keeps as long as it is there.
    pub public_key: PublicKey,
    /// When.
    pub date: Timestamp,
}

/// Why a use of credentials does not take effect.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// Another use has moved a signature counter to where this one is, or beyond.
    #[error("the signature counter went back")]
    CounterRegressed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Records uses of credentials. Every credential that is used is required as if the authority named it, see
/// [`Authority::signed_by`]. A signature counter only ever grows, or stays 0 (WebAuthn §6.1.1): the update is
/// guarded by it.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SignInStore: Send + Sync {
    /// Records a sign-in. Of any number of concurrent calls for one challenge, exactly one returns
    /// `Ok`.
    ///
    /// # Errors
    /// [`UseError`]; nothing is changed or used up then.
    async fn sign_in(&self, authority: Authority, uses: Vec<CredentialUse>)
    -> Result<(), UseError>;

    /// Records that a user action was signed, with its evidence, of which the first use is that of the first
    /// factor: it stays when credential and user are deleted. Of any number of concurrent calls for one
    /// challenge, exactly one returns `Ok`: there is one evidence of an id, so the authority need not spend the
    /// challenge as well.
    ///
    /// # Errors
    /// [`UseError`], [`AuthorityConflict::Spent`] of the challenge when there is evidence of that id,
    /// [`UseError::Store`] when nothing was used; nothing is changed or used up then.
    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError>;
}

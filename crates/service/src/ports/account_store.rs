//! Reading users and their credentials.

use async_trait::async_trait;
use latchkey_domain::{
    application::RpId,
    credential::{
        Credential, CredentialId, CredentialReference, CredentialState, passkey::Transports,
        signer::ListedSigner,
    },
    id::{OrganizationId, UserId},
    session::Session,
    text::Username,
    time::Timestamp,
    user::User,
};

use super::store::StoreError;

/// A user with all credentials, active or not, oldest first; those that have waited in vain may be
/// among them, see [`Account::at`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The user's credentials.
    pub credentials: Vec<Credential>,
}

impl Account {
    /// The account without credentials that have waited in vain, whose rows may still be there.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.credentials
            .retain(|credential| !credential.is_gone(now));
        self
    }
}

/// A credential with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCredential {
    /// The credential.
    pub credential: Credential,
    /// Its owner.
    pub user: User,
}

/// A passkey of a user, as far as challenges list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPasskey {
    /// Its credential id.
    pub id: CredentialId,
    /// The RP id that it is bound to.
    pub rp_id: RpId,
    /// How its authenticator may be reached.
    pub transports: Transports,
    /// Its state.
    pub state: CredentialState,
}

impl HeldPasskey {
    /// What is listed of this credential, if it is a passkey.
    pub fn of(credential: &Credential) -> Option<Self> {
        let passkey = credential.material.passkey()?;
        Some(Self {
            id: credential.id.clone(),
            rp_id: passkey.rp_id.clone(),
            transports: passkey.transports.clone(),
            state: credential.state,
        })
    }
}

/// Reads accounts, each in one statement outside any transaction. Users of an organization that is not
/// active do not exist for these reads; users and credentials that are not active do.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The account with that username, compared without regard to case.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_by_username(
        &self,
        organization: &OrganizationId,
        username: &Username,
    ) -> Result<Option<Account>, StoreError>;

    /// The account of whoever is signed in, and none when the session does not hold (see
    /// [`SessionStore::is_live`](super::session_store::SessionStore::is_live)).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_signed_in(&self, session: &Session) -> Result<Option<Account>, StoreError>;

    /// What whoever is signed in can sign with, oldest first, and none when the session does not hold.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_signers(
        &self,
        session: &Session,
    ) -> Result<Option<Vec<ListedSigner>>, StoreError>;

    /// The account of that user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, user: &UserId) -> Result<Option<Account>, StoreError>;

    /// The credential that a client refers to, and its owner.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_credential(
        &self,
        organization: &OrganizationId,
        reference: &CredentialReference,
    ) -> Result<Option<HeldCredential>, StoreError>;
}

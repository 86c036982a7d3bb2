//! Login: a user proves to hold a credential and gets a session.

use std::sync::Arc;

use latchkey_domain::{
    authority::Authority,
    challenge::{Challenge, Purpose},
    credential::{Credential, CredentialKind},
    id::{OrganizationId, TokenId},
    session::Session,
    text::Username,
};

use crate::{
    ceremony::{Ceremonies, Scope},
    directory::{Caller, OrganizationRequired, PartyError},
    factors::{
        AllowedCredentials, FactorAnswer, FactorChallenge, FactorError, Factors, VerifiedFactors,
    },
    ports::{
        sign_in_store::{SignInStore, UseError},
        store::StoreError,
    },
    throttle::{Throttle, Throttled},
};

/// What login/init receives.
pub struct BeginLogin {
    /// The organization, when the client names it.
    pub organization: Option<OrganizationId>,
    /// Who signs in; absent when a discoverable passkey is to tell.
    pub username: Option<Username>,
}

/// Why a sign-in does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginLoginError {
    /// Too many beginnings from one address.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No organization can be told.
    #[error(transparent)]
    OrganizationRequired(#[from] OrganizationRequired),
    /// No application lists the origin.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// There is no such user, or none who can sign in: a stranger cannot tell which.
    #[error("the user does not have a usable credential")]
    NoUsableCredential,
    /// The organization has no active application.
    #[error("the organization has no active application")]
    NoApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who has signed in, and the token that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The new session.
    pub session: Session,
    /// Its token.
    pub token: String,
}

/// Signs users in.
pub struct Logins {
    /// Verifies factors.
    pub factors: Factors,
    /// Records uses of credentials.
    pub store: Arc<dyn SignInStore>,
    /// Limits enumeration.
    pub throttle: Arc<Throttle>,
}

impl Logins {
    /// Gives a challenge to sign in with. Nothing is written.
    ///
    /// # Errors
    /// [`BeginLoginError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        request: BeginLogin,
    ) -> Result<FactorChallenge, BeginLoginError> {
        let ceremonies = self.ceremonies();
        let snapshot = ceremonies.snapshot().await?;
        snapshot.admit(caller).map_err(PartyError::from)?;
        self.throttle.count_login(caller.address)?;
        let organization = snapshot.organization(request.organization)?;
        let party = snapshot.party(caller, &organization)?;
        let mut user = None;
        let mut allowed = AllowedCredentials::default();
        if let Some(username) = &request.username {
            let account = self
                .factors
                .accounts
                .find_by_username(&organization, username)
                .await?
                .filter(|account| account.user.is_active)
                .ok_or(BeginLoginError::NoUsableCredential)?;
            allowed = AllowedCredentials::among(&account.credentials, party.rp_id());
            if allowed.is_empty() && !has_password_protected_key(&account.credentials) {
                return Err(BeginLoginError::NoUsableCredential);
            }
            user = Some(account.user.id);
        }
        let now = ceremonies.now();
        let scope = Scope {
            organization,
            application: party.bound(),
            lifetime: ceremonies.policy.lifetimes.challenge,
        };
        let challenge = ceremonies.challenge(scope, Purpose::Login { user }, now);
        Ok(FactorChallenge {
            begun: ceremonies.begin(challenge, party.application, now),
            allowed,
        })
    }

    /// Verifies the answer and gives a session with its token.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn complete(&self, answer: &FactorAnswer) -> Result<SignedIn, FactorError> {
        let challenge = self
            .ceremonies()
            .read(&answer.identifier)
            .map_err(|_invalid| FactorError::InvalidChallenge)?;
        let Purpose::Login { user } = &challenge.purpose else {
            return Err(FactorError::InvalidChallenge);
        };
        let verified = self
            .factors
            .verify(&challenge, user.as_ref(), answer)
            .await?;
        self.sign_in(&challenge, &verified).await?;
        Ok(self.session(verified))
    }

    async fn sign_in(
        &self,
        challenge: &Challenge,
        verified: &VerifiedFactors,
    ) -> Result<(), FactorError> {
        let uses = verified.uses();
        let authority = uses.iter().fold(
            Authority::of_sign_in(challenge, &verified.user.id, verified.user.epoch),
            |authority, used| authority.signed_by(used.credential.clone()),
        );
        self.store
            .sign_in(authority, uses)
            .await
            .map_err(FactorError::from)
    }

    fn session(&self, verified: VerifiedFactors) -> SignedIn {
        let ceremonies = self.ceremonies();
        let issued = ceremonies.now();
        let session = Session {
            id: TokenId::from_random(&ceremonies.entropy.draw()),
            organization: verified.user.organization,
            user: verified.user.id,
            username: verified.user.username,
            user_kind: verified.user.kind,
            epoch: verified.user.epoch,
            credential: verified.first.credential,
            issued,
            expires: issued.plus(ceremonies.policy.lifetimes.session),
        };
        let token = ceremonies.tokens.sign_session(&session);
        SignedIn { session, token }
    }

    const fn ceremonies(&self) -> &Ceremonies {
        &self.factors.ceremonies
    }
}

/// A key whose private half is kept is not listed without a login code, but can sign in all the same.
fn has_password_protected_key(credentials: &[Credential]) -> bool {
    credentials.iter().any(|credential| {
        credential.is_usable() && credential.kind() == CredentialKind::PasswordProtectedKey
    })
}

impl From<PartyError> for BeginLoginError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::OriginNotAllowed => Self::OriginNotAllowed,
            // Whoever asks from another organization's page learns nothing about this one's users.
            PartyError::ForeignOrigin => Self::NoUsableCredential,
            PartyError::NoApplication => Self::NoApplication,
        }
    }
}

impl From<UseError> for FactorError {
    fn from(error: UseError) -> Self {
        match error {
            UseError::Authority(_) => Self::InvalidChallenge,
            UseError::CounterRegressed => Self::Proof {
                member: "firstFactor",
                error: crate::ports::proof_verifier::ProofError::CounterRegressed,
            },
            UseError::Store(error) => Self::Store(error),
        }
    }
}

#[cfg(test)]
mod tests;

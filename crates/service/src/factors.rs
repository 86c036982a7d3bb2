//! Factors: using credentials to sign in and to sign user actions.

use std::sync::Arc;

use latchkey_domain::{
    application::RpId,
    authority::{Authority, Spend},
    challenge::Challenge,
    credential::{Credential, CredentialId, CredentialState, Material, key::EncryptedPrivateKey},
    id::{OrganizationId, UserId},
    time::Timestamp,
    user::User,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies},
    directory::NotAdmitted,
    ports::{
        account_store::{AccountStore, HeldCredential},
        credential_store::CredentialStore,
        proof_verifier::{AssertionProof, Expected, ProofError},
        sign_in_store::{CredentialUse, UseError},
        store::StoreError,
        tokens::InvalidToken,
    },
    throttle::Throttled,
};

/// The answer of login/init and action/init: a challenge, and the credentials that may sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorChallenge {
    /// The challenge, its identifier and the application named in `rp`.
    pub begun: BegunChallenge,
    /// The credentials that may sign it; empty when the passkey itself is to tell the user.
    pub allowed: AllowedCredentials,
}

/// The credentials that may sign a challenge (API contract §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedCredentials {
    /// Passkeys.
    pub passkeys: Vec<CredentialId>,
    /// Key pairs.
    pub keys: Vec<CredentialId>,
    /// Key pairs with the encrypted private half, for a user who may have it.
    pub password_protected_keys: Option<Vec<(CredentialId, EncryptedPrivateKey)>>,
}

impl AllowedCredentials {
    /// The usable credentials among these; only passkeys that `rp_id` can use, when it is known.
    pub(crate) fn among(credentials: &[Credential], rp_id: Option<&RpId>) -> Self {
        let mut allowed = Self::default();
        for credential in credentials
            .iter()
            .filter(|credential| credential.is_usable())
        {
            match &credential.material {
                Material::Fido2(passkey) if rp_id.is_none_or(|wanted| *wanted == passkey.rp_id) => {
                    allowed.passkeys.push(credential.id.clone());
                }
                Material::Key(_) => allowed.keys.push(credential.id.clone()),
                Material::Fido2(_)
                | Material::PasswordProtectedKey(..)
                | Material::RecoveryKey(..) => {}
            }
        }
        allowed
    }

    /// Whether no credential is listed.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passkeys.is_empty() && self.keys.is_empty()
    }

    /// Adds the encrypted private keys, for a user who is signed in or has a login code.
    pub(crate) fn with_private_keys(mut self, credentials: &[Credential]) -> Self {
        let keys = credentials
            .iter()
            .filter(|credential| credential.is_usable());
        self.password_protected_keys = Some(
            keys.filter_map(|credential| match &credential.material {
                Material::PasswordProtectedKey(_, encrypted) => {
                    Some((credential.id.clone(), encrypted.clone()))
                }
                Material::Fido2(_) | Material::Key(_) | Material::RecoveryKey(..) => None,
            })
            .collect(),
        );
        self
    }
}

/// The answer to such a challenge: what login and action receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorAnswer {
    /// The challenge identifier.
    pub identifier: String,
    /// The proof that counts.
    pub first: AssertionProof,
    /// A second proof: never required, but when it is sent it must be true and of the same user.
    pub second: Option<AssertionProof>,
}

/// Why an answer is refused.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The user signs too many actions, or too many answers come from one address.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Part of the first proof is longer than what is kept of a user action.
    #[error("{member} must have at most {maximum} bytes")]
    TooLong {
        /// The member of the assertion.
        member: &'static str,
        /// The bound, in bytes.
        maximum: usize,
    },
    /// The challenge is void: expired, spent, for something else, or its user or credential has gone.
    #[error("the challenge is not valid")]
    InvalidChallenge,
    /// No application lists the origin of the request.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// There is no such credential for this user; or, where nobody has said who they are, the proof is not
    /// true.
    #[error("there is no such credential")]
    UnknownCredential,
    /// A proof is not true.
    #[error("{member}: {error}")]
    Proof {
        /// `firstFactor` or `secondFactor`.
        member: &'static str,
        /// What is wrong.
        error: ProofError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An answer that was found true.
pub(crate) struct VerifiedFactors {
    pub user: User,
    pub first: CredentialUse,
    pub second: Option<CredentialUse>,
}

impl VerifiedFactors {
    pub(crate) fn uses(&self) -> Vec<CredentialUse> {
        [&self.first]
            .into_iter()
            .chain(&self.second)
            .cloned()
            .collect()
    }

    /// The authority, which also requires the credentials that signed.
    pub(crate) fn signing(&self, authority: Authority) -> Authority {
        let signers = self.uses().into_iter().map(|used| used.credential);
        signers.fold(authority, Authority::signed_by)
    }
}

/// Verifies answers.
#[derive(Clone)]
pub(crate) struct Factors {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) credentials: Arc<dyn CredentialStore>,
}

impl Factors {
    /// Verifies an answer to `challenge` by `user`, or by whoever owns the first credential.
    pub(crate) async fn verify<P>(
        &self,
        challenge: &Challenge<P>,
        expected: Expected,
        user: Option<&UserId>,
        answer: &FactorAnswer,
    ) -> Result<VerifiedFactors, FactorError> {
        let ceremony = Answering {
            organization: &challenge.organization,
            spend: Spend::challenge(challenge),
            expected,
        };
        let (owner, first) = self
            .verify_one(&ceremony, user, Factor::First(&answer.first))
            .await?;
        let mut second = None;
        if let Some(proof) = &answer.second {
            let factor = Factor::Second(proof);
            let (_, usage) = self.verify_one(&ceremony, Some(&owner.id), factor).await?;
            second = Some(usage);
        }
        Ok(VerifiedFactors {
            user: owner,
            first,
            second,
        })
    }

    /// Verifies one proof. A credential of somebody else or of another kind is answered like one that does
    /// not exist, and both cost a verification. So is a proof that is not true of a credential, or a user,
    /// that is not active, which no challenge lists; and where nobody has said who they are, of any:
    /// otherwise anybody could find out which credentials there are. (Whoever has the key learns that it is
    /// of no use: the challenge is void.)
    async fn verify_one(
        &self,
        ceremony: &Answering<'_>,
        user: Option<&UserId>,
        factor: Factor<'_>,
    ) -> Result<(User, CredentialUse), FactorError> {
        let proof = factor.proof();
        let held = self
            .accounts
            .find_credential(ceremony.organization, &proof.credential)
            .await?
            .filter(|held| user.is_none_or(|user| *user == held.user.id))
            .filter(|held| held.credential.kind() == proof.used.kind())
            .filter(|held| !matches!(held.credential.state, CredentialState::Waiting { .. }));
        let date = self.ceremonies.now();
        let verifier = &self.ceremonies.verifier;
        let is_listed = |held: &HeldCredential| held.user.is_active && held.credential.is_active();
        let tells_all = user.is_some() && held.as_ref().is_some_and(is_listed);
        let untrue = |error: ProofError| {
            if tells_all || (user.is_none() && error.is_without_credential()) {
                factor.refused(error)
            } else {
                FactorError::UnknownCredential
            }
        };
        let Some(held) = held else {
            return Err(untrue(
                verifier.verify_for_nobody(&ceremony.expected, proof),
            ));
        };
        match verifier.verify_assertion(&ceremony.expected, &held.credential, proof) {
            Ok(state) => {
                let credential = held.credential.uuid;
                Ok((
                    held.user,
                    CredentialUse {
                        credential,
                        state,
                        date,
                    },
                ))
            }
            Err(ProofError::UserHandle) => Err(FactorError::UnknownCredential),
            Err(ProofError::CounterRegressed) => {
                self.note_regression(&ceremony.spend, &held.credential, date)
                    .await?;
                Err(factor.refused(ProofError::CounterRegressed))
            }
            Err(error) => Err(untrue(error)),
        }
    }

    /// Notes a counter that went back. An answer that is sent again has the counter it had, and its
    /// challenge is spent: then nothing went back.
    async fn note_regression(
        &self,
        challenge: &Spend,
        credential: &Credential,
        date: Timestamp,
    ) -> Result<(), FactorError> {
        if self
            .credentials
            .note_counter_regression(&credential.uuid, challenge, date)
            .await?
        {
            tracing::warn!(credential = %credential.uuid, "a signature counter went back");
            Ok(())
        } else {
            Err(FactorError::InvalidChallenge)
        }
    }
}

/// The ceremony that is being answered.
struct Answering<'a> {
    organization: &'a OrganizationId,
    spend: Spend,
    expected: Expected,
}

/// One of the proofs of an answer.
#[derive(Clone, Copy)]
enum Factor<'a> {
    First(&'a AssertionProof),
    Second(&'a AssertionProof),
}

impl<'a> Factor<'a> {
    const fn proof(self) -> &'a AssertionProof {
        match self {
            Self::First(proof) | Self::Second(proof) => proof,
        }
    }

    const fn refused(self, error: ProofError) -> FactorError {
        let member = match self {
            Self::First(_) => "firstFactor",
            Self::Second(_) => "secondFactor",
        };
        FactorError::Proof { member, error }
    }
}

impl From<NotAdmitted> for FactorError {
    fn from(_error: NotAdmitted) -> Self {
        Self::OriginNotAllowed
    }
}

impl From<InvalidToken> for FactorError {
    fn from(_error: InvalidToken) -> Self {
        Self::InvalidChallenge
    }
}

impl From<UseError> for FactorError {
    fn from(error: UseError) -> Self {
        match error {
            UseError::Authority(_) => Self::InvalidChallenge,
            UseError::CounterRegressed => Self::Proof {
                member: "firstFactor",
                error: ProofError::CounterRegressed,
            },
            UseError::Store(error) => Self::Store(error),
        }
    }
}

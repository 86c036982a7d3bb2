//! Factors: using credentials to sign in and to sign user actions.

use std::sync::Arc;

use latchkey_domain::{
    application::RpId,
    challenge::Challenge,
    credential::{Credential, CredentialId, Material, key::EncryptedPrivateKey},
    id::UserId,
    time::Timestamp,
    user::User,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies},
    ports::{
        account_store::AccountStore,
        credential_store::CredentialStore,
        proof_verifier::{AssertionProof, Expected, ProofError},
        sign_in_store::CredentialUse,
        store::StoreError,
    },
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

    /// Adds the encrypted private keys, for a user who is signed in.
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
    /// The challenge is void: expired, spent, for something else, or its user or credential has gone.
    #[error("the challenge is not valid")]
    InvalidChallenge,
    /// There is no such credential for this user.
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
}

/// Verifies answers.
#[derive(Clone)]
pub struct Factors {
    /// What every ceremony works with.
    pub ceremonies: Ceremonies,
    /// Finds the credentials.
    pub accounts: Arc<dyn AccountStore>,
    /// Notes counters that went back.
    pub credentials: Arc<dyn CredentialStore>,
}

impl Factors {
    /// Verifies an answer to `challenge` by `user`, or by whoever owns the first credential.
    pub(crate) async fn verify(
        &self,
        challenge: &Challenge,
        user: Option<&UserId>,
        answer: &FactorAnswer,
    ) -> Result<VerifiedFactors, FactorError> {
        let expected = self.ceremonies.expected(challenge).await?;
        let (owner, first) = self
            .verify_one(challenge, &expected, "firstFactor", &answer.first)
            .await?;
        if user.is_some_and(|user| *user != owner.id) {
            return Err(FactorError::UnknownCredential);
        }
        let mut second = None;
        if let Some(proof) = &answer.second {
            let (same, usage) = self
                .verify_one(challenge, &expected, "secondFactor", proof)
                .await?;
            if same.id != owner.id {
                return Err(FactorError::UnknownCredential);
            }
            second = Some(usage);
        }
        Ok(VerifiedFactors {
            user: owner,
            first,
            second,
        })
    }

    async fn verify_one(
        &self,
        challenge: &Challenge,
        expected: &Expected,
        member: &'static str,
        proof: &AssertionProof,
    ) -> Result<(User, CredentialUse), FactorError> {
        let held = self
            .accounts
            .find_credential(&challenge.organization, &proof.credential)
            .await?
            .ok_or(FactorError::UnknownCredential)?;
        let date = self.ceremonies.now();
        match self
            .ceremonies
            .verifier
            .verify_assertion(expected, &held.credential, proof)
        {
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
            Err(error) => {
                if error == ProofError::CounterRegressed {
                    self.note_regression(&held.credential, date).await?;
                }
                Err(FactorError::Proof { member, error })
            }
        }
    }

    async fn note_regression(
        &self,
        credential: &Credential,
        date: Timestamp,
    ) -> Result<(), StoreError> {
        tracing::warn!(credential = %credential.uuid, "a signature counter went back");
        self.credentials
            .note_counter_regression(&credential.uuid, date)
            .await
    }
}

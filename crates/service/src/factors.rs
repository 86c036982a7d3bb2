//! Factors: using credentials to sign in and to sign user actions.

use std::sync::Arc;

use latchkey_domain::{
    application::RpId,
    authority::Authority,
    challenge::Challenge,
    credential::{
        Credential, CredentialId, CredentialState,
        key::{EncryptedPrivateKey, PublicKey},
        signer::{ListedSigner, Signer, SignerKey},
    },
    id::{ChallengeId, OrganizationId, UserId},
    time::Timestamp,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies, ListedPasskey},
    directory::NotAdmitted,
    events::{Facts, Refusal as _},
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
    pub passkeys: Vec<ListedPasskey>,
    /// Key pairs.
    pub keys: Vec<CredentialId>,
    /// Key pairs with the encrypted private half, for a user who may have it.
    pub password_protected_keys: Option<Vec<(CredentialId, EncryptedPrivateKey)>>,
}

/// What a challenge lists of its user's credentials. It is one rule for whoever lists them and for whoever
/// verifies an answer: what is wrong with a proof is told of what is listed alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing<'a> {
    /// The RP id whose passkeys the client can use; without it those of every application are listed.
    pub(crate) rp_id: Option<&'a RpId>,
    /// Whether keys whose private half is kept are listed: for a user who is signed in or has a login code.
    pub(crate) private_keys: bool,
}

impl Listing<'_> {
    /// Whether it lists an active credential with that key.
    pub(crate) fn lists(self, key: &SignerKey) -> bool {
        match key {
            SignerKey::Fido2(passkey) => self.rp_id.is_none_or(|wanted| *wanted == passkey.rp_id),
            SignerKey::Key(_) => true,
            SignerKey::PasswordProtectedKey(_) => self.private_keys,
        }
    }
}

impl AllowedCredentials {
    /// Those of these that are listed.
    pub(crate) fn among(
        signers: impl IntoIterator<Item = ListedSigner>,
        listing: Listing<'_>,
    ) -> Self {
        let mut allowed = Self {
            password_protected_keys: listing.private_keys.then(Vec::new),
            ..Self::default()
        };
        let signers = signers.into_iter();
        for listed in signers.filter(|held| listing.lists(&held.signer.key)) {
            let ListedSigner { id, transports, .. } = listed;
            match listed.signer.key {
                SignerKey::Fido2(_) => allowed.passkeys.push(ListedPasskey { id, transports }),
                SignerKey::Key(_) => allowed.keys.push(id),
                SignerKey::PasswordProtectedKey(_) => {
                    let keys = allowed.password_protected_keys.get_or_insert_default();
                    keys.extend(
                        listed
                            .encrypted_private_key
                            .map(|encrypted| (id, encrypted)),
                    );
                }
            }
        }
        allowed
    }

    /// Whether nothing is listed that a stranger may see.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passkeys.is_empty() && self.keys.is_empty()
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

/// The factors of an answer that was found true.
pub(crate) struct VerifiedFactors {
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
    /// Verifies an answer by the user of the ceremony, or by whoever owns the first credential, and gives that one.
    /// What it finds out is noted.
    pub(crate) async fn verify(
        &self,
        ceremony: &Answering<'_>,
        answer: &FactorAnswer,
        facts: &mut Facts,
    ) -> Result<(HeldCredential, VerifiedFactors), FactorError> {
        let factor = Factor::First(&answer.first);
        let (held, first) = self
            .verify_one(ceremony, ceremony.user, factor, facts)
            .await?;
        let verified = self
            .verify_second(ceremony, &held.user.id, first, answer, facts)
            .await?;
        Ok((held, verified))
    }

    /// The same where the challenge may say the signer that the answer names, and gives the key that signed. When the
    /// first proof is true of that one, nothing is read of its credential: that all of it still stands is required
    /// where its use is recorded. Whatever is not true of it is verified once more, and judged, by what is kept.
    pub(crate) async fn verify_by(
        &self,
        ceremony: &Answering<'_>,
        known: Option<&Signer>,
        answer: &FactorAnswer,
        facts: &mut Facts,
    ) -> Result<(PublicKey, VerifiedFactors), FactorError> {
        let of_known = known.and_then(|signer| {
            let expected = &ceremony.expected;
            let proofs = &self.ceremonies.verifier;
            let state = proofs.verify_assertion(expected, signer, &answer.first);
            Some((signer, state.ok()?))
        });
        let Some((signer, state)) = of_known else {
            let (held, verified) = self.verify(ceremony, answer, facts).await?;
            return Ok((held.credential.material.public_key().clone(), verified));
        };
        facts.credential = Some(signer.credential.clone());
        let first = CredentialUse {
            credential: signer.credential.clone(),
            state,
            date: self.ceremonies.now(),
        };
        let verified = self
            .verify_second(ceremony, &signer.user, first, answer, facts)
            .await?;
        Ok((signer.key.public_key().clone(), verified))
    }

    /// Verifies the second factor, if there is one, of a user whose first is true.
    async fn verify_second(
        &self,
        ceremony: &Answering<'_>,
        user: &UserId,
        first: CredentialUse,
        answer: &FactorAnswer,
        facts: &mut Facts,
    ) -> Result<VerifiedFactors, FactorError> {
        let mut second = None;
        if let Some(proof) = &answer.second {
            let factor = Factor::Second(proof);
            let (_, usage) = self.verify_one(ceremony, Some(user), factor, facts).await?;
            second = Some(usage);
            facts.credential = Some(first.credential.clone());
        }
        Ok(VerifiedFactors { first, second })
    }

    /// Verifies one proof. A credential of somebody else or of another kind is answered like one that does
    /// not exist, and both cost a verification. So is a proof that is not true of a credential that the
    /// challenge does not [list](Listing), or of a user who is not active; and where nobody has said who they
    /// are, of any: otherwise anybody could find out which credentials there are. (Whoever has the key of what
    /// is not active learns that it is of no use: the challenge is void.)
    async fn verify_one(
        &self,
        ceremony: &Answering<'_>,
        user: Option<&UserId>,
        factor: Factor<'_>,
        facts: &mut Facts,
    ) -> Result<(HeldCredential, CredentialUse), FactorError> {
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
        let signer = held.as_ref().and_then(|held| Signer::of(&held.credential));
        let is_listed = |(held, signer): (&HeldCredential, &Signer)| {
            held.user.is_active && held.credential.is_active() && ceremony.lists(&signer.key)
        };
        let known = held.as_ref().zip(signer.as_ref());
        let tells_all = user.is_some() && known.is_some_and(is_listed);
        let untrue = |error: ProofError| {
            if tells_all || (user.is_none() && error.is_without_credential()) {
                factor.refused(error)
            } else {
                FactorError::UnknownCredential
            }
        };
        let Some((held, signer)) = held.zip(signer) else {
            return Err(untrue(
                verifier.verify_for_nobody(&ceremony.expected, proof),
            ));
        };
        facts.user = Some(held.user.id.clone());
        facts.credential = Some(held.credential.uuid.clone());
        match verifier.verify_assertion(&ceremony.expected, &signer, proof) {
            Ok(state) => {
                let usage = CredentialUse {
                    credential: signer.credential,
                    state,
                    date,
                };
                Ok((held, usage))
            }
            Err(ProofError::UserHandle) => Err(FactorError::UnknownCredential),
            Err(ProofError::CounterRegressed) => {
                self.note_regression(ceremony.challenge, &held.credential, date)
                    .await?;
                Err(factor.refused(ProofError::CounterRegressed))
            }
            Err(error) => {
                facts.reason = Some(error.reason());
                Err(untrue(error))
            }
        }
    }

    /// Notes a counter that went back. An answer that is sent again has the counter it had, and its
    /// challenge is spent: then nothing went back.
    async fn note_regression(
        &self,
        challenge: &ChallengeId,
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
pub(crate) struct Answering<'a> {
    organization: &'a OrganizationId,
    /// Who answers, if that was said.
    user: Option<&'a UserId>,
    /// Whether the challenge is of one application: then that is the only one that is expected.
    is_bound: bool,
    private_keys: bool,
    challenge: &'a ChallengeId,
    expected: Expected,
}

impl<'a> Answering<'a> {
    /// `private_keys` says whether every such challenge lists keys whose private half is kept.
    pub(crate) fn new<P>(
        challenge: &'a Challenge<P>,
        user: Option<&'a UserId>,
        expected: Expected,
        private_keys: bool,
    ) -> Self {
        Self {
            organization: &challenge.organization,
            user,
            is_bound: challenge.application.is_some(),
            private_keys,
            challenge: &challenge.id,
            expected,
        }
    }

    /// Whether the challenge lists an active credential of its user with that key; none when its application has gone
    /// since.
    fn lists(&self, key: &SignerKey) -> bool {
        let lists = |rp_id| {
            let private_keys = self.private_keys;
            let listing = Listing {
                rp_id,
                private_keys,
            };
            listing.lists(key)
        };
        if self.is_bound {
            let mut bound = self.expected.applications.iter();
            bound.any(|bound| lists(Some(bound.relying_party.rp_id())))
        } else {
            lists(None)
        }
    }
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

//! What all ceremonies share: fresh identifiers, challenges, and the tokens that carry them.

use std::{sync::Arc, time::Duration};

use latchkey_domain::{
    application::Application,
    challenge::{Challenge, ChallengeText, Purpose},
    id::{ApplicationId, ChallengeId, OrganizationId},
    policy::Policy,
    time::Timestamp,
};

use crate::{
    directory::{Directory, Snapshot},
    messages::Messages,
    ports::{
        clock::Clock,
        entropy::Entropy,
        proof_verifier::{Expected, ProofVerifier},
        store::StoreError,
        tokens::{InvalidToken, Tokens},
    },
};

/// What every ceremony works with.
#[derive(Clone)]
pub struct Ceremonies {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Signed tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Verification of proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// Organizations and applications.
    pub directory: Arc<Directory>,
    /// What users are told.
    pub messages: Arc<Messages>,
    /// Lifetimes and limits.
    pub policy: Policy,
}

/// A challenge that was begun, and the token that carries it to the completing call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunChallenge {
    /// The challenge.
    pub challenge: Challenge,
    /// Its challenge identifier; for a registration, the temporary token.
    pub identifier: String,
    /// The application named in `rp`.
    pub application: Arc<Application>,
}

/// Where and for how long a challenge holds.
pub(crate) struct Scope {
    pub organization: OrganizationId,
    pub application: Option<ApplicationId>,
    pub lifetime: Duration,
}

impl Ceremonies {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        self.directory.snapshot().await
    }

    /// A new challenge with random text; for user actions, with the text that commits to the action.
    pub(crate) fn challenge(&self, scope: Scope, purpose: Purpose, now: Timestamp) -> Challenge {
        let text = match &purpose {
            Purpose::UserAction {
                user,
                action,
                nonce,
                ..
            } => ChallengeText::for_user_action(nonce, &scope.organization, user, action),
            Purpose::Registration { .. }
            | Purpose::Login { .. }
            | Purpose::Credential { .. }
            | Purpose::CredentialWithCode { .. }
            | Purpose::Recovery { .. } => ChallengeText::from_random(&self.entropy.draw()),
        };
        Challenge {
            id: ChallengeId::from_random(&self.entropy.draw()),
            text,
            organization: scope.organization,
            application: scope.application,
            purpose,
            expires: now.plus(scope.lifetime),
        }
    }

    pub(crate) fn begin(
        &self,
        challenge: Challenge,
        application: Arc<Application>,
        now: Timestamp,
    ) -> BegunChallenge {
        let identifier = self.tokens.sign_challenge(&challenge, now);
        BegunChallenge {
            challenge,
            identifier,
            application,
        }
    }

    pub(crate) fn read(&self, identifier: &str) -> Result<Challenge, InvalidToken> {
        self.tokens.read_challenge(identifier, self.now())
    }

    /// What a proof for this challenge must be about.
    pub(crate) async fn expected(&self, challenge: &Challenge) -> Result<Expected, StoreError> {
        let applications = self.snapshot().await?.expected(challenge);
        Ok(Expected {
            challenge: challenge.text.clone(),
            applications,
        })
    }
}

//! New credentials: what registration, the signed-in user and the code flow have in common.

use std::sync::Arc;

use latchkey_domain::{
    application::Application,
    credential::{Credential, CredentialId, CredentialKind, CredentialState, Material, Provenance},
    id::{CredentialUuid, OrganizationId, UserId},
    text::CredentialName,
    time::Timestamp,
    user::User,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies},
    directory::NotAdmitted,
    ports::{
        credential_store::CreateError,
        proof_verifier::{CreationProof, Expected, ProofError},
        store::{AuthorityConflict, StoreError},
    },
};

/// The answer of credentials/init and code/init: what a client needs to make a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreationChallenge {
    /// The challenge, its identifier and the application named in `rp`.
    pub begun: BegunChallenge,
    /// The kind that was asked for.
    pub kind: CredentialKind,
    /// Whose credential it becomes.
    pub user: User,
    /// The passkeys the user has for this application already.
    pub exclude: Vec<CredentialId>,
}

/// A new credential as the completing calls receive it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// What the user calls it.
    pub name: CredentialName,
    /// The proof that comes with it.
    pub proof: CreationProof,
}

/// Why a new credential is not made.
#[derive(Debug, thiserror::Error)]
pub enum NewCredentialError {
    /// The challenge is void: expired, spent, for something else, or its user, credential or code has
    /// gone.
    #[error("the challenge is not valid")]
    InvalidChallenge,
    /// The user action that should allow it was used before.
    #[error("the user action has already been used")]
    UserActionSpent,
    /// No application lists the origin of the request.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The proof is not true.
    #[error("{member}: {error}")]
    Proof {
        /// The member of the request that holds it.
        member: &'static str,
        /// What is wrong.
        error: ProofError,
    },
    /// A kind that cannot take this place.
    #[error("{member} cannot be of the kind {kind}")]
    KindNotAllowed {
        /// The member of the request.
        member: &'static str,
        /// The kind it is of.
        kind: CredentialKind,
    },
    /// The credential id is registered already.
    #[error("the credential id is registered already")]
    CredentialIdTaken,
    /// The user has as many credentials as are allowed.
    #[error("the user has as many credentials as are allowed")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose credential is made, and how.
pub(crate) struct Maker {
    pub organization: OrganizationId,
    pub user: UserId,
    pub provenance: Provenance,
    pub now: Timestamp,
}

impl Ceremonies {
    /// Verifies the proof of a new credential, and makes the credential if it is true.
    pub(crate) fn make(
        &self,
        maker: &Maker,
        member: &'static str,
        expected: &Expected,
        new: NewCredential,
    ) -> Result<Credential, NewCredentialError> {
        let material = self
            .verifier
            .verify_creation(expected, &new.proof)
            .map_err(|error| NewCredentialError::Proof { member, error })?;
        Ok(Credential {
            uuid: CredentialUuid::from_random(&self.entropy.draw()),
            organization: maker.organization.clone(),
            user: maker.user.clone(),
            id: new.proof.credential_id,
            name: new.name,
            material,
            provenance: maker.provenance.clone(),
            state: CredentialState::Active,
            created: maker.now,
            last_used: None,
        })
    }
}

/// The ids of passkeys that the authenticator should not make a second one beside: those of the user
/// for this RP id, active or not.
pub(crate) fn excluded(credentials: &[Credential], application: &Application) -> Vec<CredentialId> {
    credentials
        .iter()
        .filter(|credential| match &credential.material {
            Material::Fido2(passkey) => passkey.rp_id == *application.relying_party.rp_id(),
            Material::Key(_) | Material::PasswordProtectedKey(..) | Material::RecoveryKey(..) => {
                false
            }
        })
        .map(|credential| credential.id.clone())
        .collect()
}

/// The answer of an init call.
pub(crate) fn creation_challenge(
    begun: BegunChallenge,
    kind: CredentialKind,
    user: User,
    credentials: &[Credential],
) -> CreationChallenge {
    let application: Arc<Application> = Arc::clone(&begun.application);
    CreationChallenge {
        kind,
        user,
        exclude: excluded(credentials, &application),
        begun,
    }
}

impl From<NotAdmitted> for NewCredentialError {
    fn from(_error: NotAdmitted) -> Self {
        Self::OriginNotAllowed
    }
}

impl From<CreateError> for NewCredentialError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Authority(conflict) => conflict.into(),
            CreateError::CredentialIdTaken => Self::CredentialIdTaken,
            CreateError::TooMany => Self::TooMany,
            CreateError::Store(error) => Self::Store(error),
        }
    }
}

impl From<AuthorityConflict> for NewCredentialError {
    fn from(conflict: AuthorityConflict) -> Self {
        use latchkey_domain::authority::Spendable;

        match conflict {
            AuthorityConflict::Void
            | AuthorityConflict::Spent(Spendable::Challenge | Spendable::Session) => {
                Self::InvalidChallenge
            }
            AuthorityConflict::Spent(Spendable::UserAction) => Self::UserActionSpent,
        }
    }
}

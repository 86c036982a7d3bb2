//! Why something did not happen, as one of a few reasons: each error of a use case is decided here, once.

use latchkey_domain::authority::Spendable;

use crate::{
    approvals::ApproveError,
    ceremony::NewCredentialError,
    code_requests::{FindRequestError, GrantRequestError, RequestCodeError},
    credential_codes::{BeginWithCodeError, IssueCodeError, ReleaseCodeError},
    credentials::BeginCredentialError,
    directory::PartyError,
    events::{Reason, Refusal},
    factors::FactorError,
    login::BeginLoginError,
    mailed_codes::MailCodeError,
    ports::{
        administration_store::{
            AddApplicationError, BootstrapError, DeleteApplicationError, DeleteOrganizationError,
            InviteError, RenameOrganizationError, SetUserError, UpdateApplicationError,
        },
        code_request_store::{DecideRequestError, OpenRequestError},
        credential_code_store::{DecideError, IssueError},
        credential_store::ChangeError,
        proof_verifier::ProofError,
        session_store::ExerciseError,
        store::{AuthorityConflict, StoreError},
        user_store::{ChangeUserError, CreateUserError},
    },
    recovery::{BeginRecoveryError, RecoverError},
    registration::BeginRegistrationError,
    session_codes::{ExchangeSessionCodeError, IssueSessionCodeError},
    throttle::Throttled,
    user_actions::BeginUserActionError,
};

impl Refusal for StoreError {
    fn reason(&self) -> Reason {
        match self {
            Self::Failed(_) => Reason::StoreFailed,
            Self::Unavailable(_) => Reason::StoreUnavailable,
        }
    }
}

impl Refusal for Throttled {
    fn reason(&self) -> Reason {
        Reason::Throttled
    }
}

/// Of what a user signed.
impl Refusal for AuthorityConflict {
    fn reason(&self) -> Reason {
        match self {
            Self::Fresh => Reason::CredentialFresh,
            Self::Spent(Spendable::UserAction) => Reason::UserActionUsed,
            Self::Void
            | Self::Spent(Spendable::Challenge | Spendable::Session | Spendable::SessionCode) => {
                Reason::UserActionInvalid
            }
        }
    }
}

impl Refusal for ExerciseError {
    fn reason(&self) -> Reason {
        match self {
            Self::Authority(conflict) => conflict.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for PartyError {
    fn reason(&self) -> Reason {
        match self {
            Self::OriginNotAllowed | Self::ForeignOrigin => Reason::OriginNotAllowed,
            Self::NoApplication => Reason::NoApplication,
        }
    }
}

impl Refusal for ProofError {
    fn reason(&self) -> Reason {
        match self {
            Self::Origin | Self::CrossOrigin => Reason::ProofOrigin,
            Self::UserVerification => Reason::UserNotVerified,
            Self::UnsupportedKey => Reason::KeyNotOffered,
            Self::Signature => Reason::SignatureInvalid,
            Self::CounterRegressed => Reason::CounterRegressed,
            Self::Malformed { .. }
            | Self::Type
            | Self::Challenge
            | Self::OtherCredentials
            | Self::CredentialId
            | Self::UserHandle
            | Self::Mismatch => Reason::ProofInvalid,
        }
    }
}

impl Refusal for BeginRegistrationError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::OrganizationRequired(_) => Reason::OrganizationRequired,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::InvalidCode => Reason::InvalidCode,
            Self::Expired => Reason::CodeExpired,
            Self::NoApplication => Reason::NoApplication,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for BeginRecoveryError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::OrganizationRequired(_) => Reason::OrganizationRequired,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::InvalidCode => Reason::InvalidCode,
            Self::NoRecoveryKey => Reason::NoRecoveryKey,
            Self::NoApplication => Reason::NoApplication,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for RecoverError {
    fn reason(&self) -> Reason {
        match self {
            Self::OtherCredential => Reason::NoRecoveryKey,
            Self::Proof(error) => error.reason(),
            Self::NewCredential(error) => error.reason(),
        }
    }
}

impl Refusal for BeginLoginError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::OrganizationRequired(_) => Reason::OrganizationRequired,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::InvalidCode => Reason::InvalidCode,
            Self::NoUsableCredential => Reason::NoUsableCredential,
            Self::NoApplication => Reason::NoApplication,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for FactorError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::TooLong { .. } => Reason::ProofTooLong,
            Self::InvalidChallenge => Reason::ChallengeInvalid,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::UnknownCredential => Reason::UnknownCredential,
            Self::Proof { error, .. } => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for MailCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::OrganizationRequired(_) => Reason::OrganizationRequired,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for BeginUserActionError {
    fn reason(&self) -> Reason {
        match self {
            Self::Party(error) => error.reason(),
            Self::NotSignedIn => Reason::NotSignedIn,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for BeginCredentialError {
    fn reason(&self) -> Reason {
        match self {
            Self::Party(error) => error.reason(),
            Self::NotSignedIn => Reason::NotSignedIn,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for NewCredentialError {
    fn reason(&self) -> Reason {
        match self {
            Self::InvalidChallenge => Reason::ChallengeInvalid,
            Self::Fresh => Reason::CredentialFresh,
            Self::UserActionSpent => Reason::UserActionUsed,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::Proof { error, .. } => error.reason(),
            Self::KindNotAllowed { .. } => Reason::KindNotAllowed,
            Self::CredentialIdTaken => Reason::CredentialIdTaken,
            Self::TooMany => Reason::TooManyCredentials,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for ChangeError {
    fn reason(&self) -> Reason {
        match self {
            Self::Authority(conflict) => conflict.reason(),
            Self::NotFound => Reason::NotFound,
            Self::LastUsable => Reason::LastCredential,
            Self::Waits => Reason::CredentialWaits,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for IssueCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::Expiration(_) => Reason::ExpirationInvalid,
            Self::UnknownApplication => Reason::NotFound,
            Self::Issue(IssueError::Authority(conflict)) => conflict.reason(),
            // However often one is drawn: whoever draws does not draw at random.
            Self::Issue(IssueError::Taken) => Reason::StoreFailed,
            Self::Issue(IssueError::Store(error)) => error.reason(),
        }
    }
}

impl Refusal for BeginWithCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::InvalidCode => Reason::InvalidCode,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for ReleaseCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::InvalidChallenge => Reason::ChallengeInvalid,
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for IssueSessionCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::ReturnNotAllowed => Reason::ReturnNotAllowed,
            Self::Throttled(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for ExchangeSessionCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::OriginNotAllowed => Reason::OriginNotAllowed,
            Self::InvalidCode => Reason::InvalidCode,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for DecideError {
    fn reason(&self) -> Reason {
        match self {
            Self::Authority(conflict) => conflict.reason(),
            Self::NotWaiting => Reason::NotWaiting,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for ApproveError {
    fn reason(&self) -> Reason {
        match self {
            Self::WrongNumber => Reason::WrongNumber,
            Self::Decide(error) => error.reason(),
        }
    }
}

impl Refusal for RequestCodeError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::OrganizationRequired(_) => Reason::OrganizationRequired,
            Self::Party(error) => error.reason(),
            Self::KindNotAllowed => Reason::KindNotAllowed,
            Self::Open(OpenRequestError::NotOffered) => Reason::RequestsOff,
            // However often one is drawn, as of codes.
            Self::Open(OpenRequestError::Taken) => Reason::StoreFailed,
            Self::Open(OpenRequestError::Store(error)) => error.reason(),
        }
    }
}

impl Refusal for FindRequestError {
    fn reason(&self) -> Reason {
        match self {
            Self::Throttled(error) => error.reason(),
            Self::InvalidCode => Reason::InvalidCode,
            Self::OtherNetwork => Reason::OtherNetwork,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for GrantRequestError {
    fn reason(&self) -> Reason {
        match self {
            Self::Find(error) => error.reason(),
            Self::WrongNumber => Reason::WrongNumber,
            Self::Decide(DecideRequestError::Authority(conflict)) => conflict.reason(),
            Self::Decide(DecideRequestError::NotWaiting) => Reason::InvalidCode,
            Self::Decide(DecideRequestError::Store(error)) => error.reason(),
        }
    }
}

impl Refusal for CreateUserError {
    fn reason(&self) -> Reason {
        match self {
            Self::Authority(conflict) => conflict.reason(),
            Self::NotAdministrator(_) => Reason::NotAdministrator,
            Self::AlreadyExists | Self::ExternalIdTaken => Reason::AlreadyExists,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for ChangeUserError {
    fn reason(&self) -> Reason {
        match self {
            Self::Authority(conflict) => conflict.reason(),
            Self::NotAdministrator(_) => Reason::NotAdministrator,
            Self::NotFound => Reason::NotFound,
            Self::LastAdministrator => Reason::LastAdministrator,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for BootstrapError {
    fn reason(&self) -> Reason {
        match self {
            Self::NameTaken | Self::OriginTaken => Reason::AlreadyExists,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for RenameOrganizationError {
    fn reason(&self) -> Reason {
        match self {
            Self::NameTaken => Reason::AlreadyExists,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for DeleteOrganizationError {
    fn reason(&self) -> Reason {
        match self {
            Self::NotFound => Reason::NotFound,
            Self::HasRegistered(_) | Self::HasSigned => Reason::HasRegistered,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for InviteError {
    fn reason(&self) -> Reason {
        match self {
            Self::UnknownOrganization => Reason::NotFound,
            Self::AlreadyRegistered => Reason::AlreadyExists,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for SetUserError {
    fn reason(&self) -> Reason {
        match self {
            Self::LastAdministrator => Reason::LastAdministrator,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for AddApplicationError {
    fn reason(&self) -> Reason {
        match self {
            Self::UnknownOrganization => Reason::NotFound,
            Self::Invalid(_) => Reason::ApplicationInvalid,
            Self::OriginTaken => Reason::AlreadyExists,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for UpdateApplicationError {
    fn reason(&self) -> Reason {
        match self {
            Self::NotFound => Reason::NotFound,
            Self::Invalid(_) => Reason::ApplicationInvalid,
            Self::HasPasskeys(_) => Reason::HasPasskeys,
            Self::OriginTaken => Reason::AlreadyExists,
            Self::Store(error) => error.reason(),
        }
    }
}

impl Refusal for DeleteApplicationError {
    fn reason(&self) -> Reason {
        match self {
            Self::NotFound => Reason::NotFound,
            Self::HasPasskeys(_) => Reason::HasPasskeys,
            Self::Store(error) => error.reason(),
        }
    }
}

//! From the errors of the use cases to those of the wire: each variant is decided here, once.

use latchkey_domain::authority::Spendable;
use latchkey_service::{
    approvals::{ApprovalStatusError, ApproveError},
    ceremony::NewCredentialError,
    credential_codes::{BeginWithCodeError, IssueCodeError, ReleaseCodeError},
    credentials::BeginCredentialError,
    directory::{OrganizationRequired, PartyError},
    factors::FactorError,
    login::BeginLoginError,
    mailed_codes::MailCodeError,
    ports::{
        credential_code_store::{DecideError, IssueError},
        credential_store::ChangeError,
        proof_verifier::ProofError,
        session_store::ExerciseError,
        store::{AuthorityConflict, StoreError},
        user_store::{ChangeUserError, CreateUserError, NotAdministrator, ReadUsersError},
    },
    recovery::{BeginRecoveryError, RecoverError},
    registration::BeginRegistrationError,
    session_codes::{ExchangeSessionCodeError, IssueSessionCodeError},
    sessions::SessionError,
    throttle::Throttled,
    user_actions::{BeginUserActionError, NotPermitted},
};

use super::{ApiError, ErrorCode};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(_) => Self::internal(error),
            StoreError::Unavailable(_) => Self {
                cause: Some(error.into()),
                ..Self::unavailable()
            },
        }
    }
}

impl From<Throttled> for ApiError {
    fn from(error: Throttled) -> Self {
        Self {
            retry_after: Some(error.retry_after),
            ..Self::new(ErrorCode::TooManyAttempts).saying(error.to_string())
        }
    }
}

impl From<OrganizationRequired> for ApiError {
    fn from(_error: OrganizationRequired) -> Self {
        Self::new(ErrorCode::OrganizationRequired).at("orgId")
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotSignedIn => ErrorCode::NotAuthorized.into(),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl From<ExerciseError> for ApiError {
    fn from(error: ExerciseError) -> Self {
        match error {
            ExerciseError::Authority(AuthorityConflict::Fresh) => ErrorCode::CredentialFresh.into(),
            ExerciseError::Authority(AuthorityConflict::Void | AuthorityConflict::Spent(_)) => {
                ErrorCode::NotAuthorized.into()
            }
            ExerciseError::Store(error) => error.into(),
        }
    }
}

impl From<IssueSessionCodeError> for ApiError {
    fn from(error: IssueSessionCodeError) -> Self {
        match error {
            IssueSessionCodeError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            IssueSessionCodeError::ReturnNotAllowed => {
                Self::new(ErrorCode::ReturnNotAllowed).at("returnTo")
            }
            IssueSessionCodeError::Throttled(error) => error.into(),
            IssueSessionCodeError::Store(error) => error.into(),
        }
    }
}

impl From<ExchangeSessionCodeError> for ApiError {
    fn from(error: ExchangeSessionCodeError) -> Self {
        match error {
            ExchangeSessionCodeError::Throttled(error) => error.into(),
            ExchangeSessionCodeError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            ExchangeSessionCodeError::InvalidCode => ErrorCode::InvalidCode.into(),
            ExchangeSessionCodeError::Store(error) => error.into(),
        }
    }
}

impl From<NotPermitted> for ApiError {
    fn from(_error: NotPermitted) -> Self {
        ErrorCode::UserActionInvalid.into()
    }
}

impl From<BeginRegistrationError> for ApiError {
    fn from(error: BeginRegistrationError) -> Self {
        match error {
            BeginRegistrationError::Throttled(error) => error.into(),
            BeginRegistrationError::OrganizationRequired(error) => error.into(),
            BeginRegistrationError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            BeginRegistrationError::InvalidCode => ErrorCode::InvalidCode.into(),
            BeginRegistrationError::Expired => ErrorCode::RegistrationCodeExpired.into(),
            BeginRegistrationError::NoApplication => ErrorCode::NoApplication.into(),
            BeginRegistrationError::Store(error) => error.into(),
        }
    }
}

impl From<BeginLoginError> for ApiError {
    fn from(error: BeginLoginError) -> Self {
        match error {
            BeginLoginError::Throttled(error) => error.into(),
            BeginLoginError::OrganizationRequired(error) => error.into(),
            BeginLoginError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            BeginLoginError::InvalidCode => ErrorCode::InvalidCode.into(),
            BeginLoginError::NoUsableCredential => ErrorCode::NoUsableCredential.into(),
            BeginLoginError::NoApplication => ErrorCode::NoApplication.into(),
            BeginLoginError::Store(error) => error.into(),
        }
    }
}

impl From<MailCodeError> for ApiError {
    fn from(error: MailCodeError) -> Self {
        match error {
            MailCodeError::OrganizationRequired(error) => error.into(),
            MailCodeError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            MailCodeError::Store(error) => error.into(),
        }
    }
}

/// Where no ceremony can be held for somebody who is signed in.
impl From<PartyError> for ApiError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::OriginNotAllowed | PartyError::ForeignOrigin => {
                ErrorCode::OriginNotAllowed.into()
            }
            PartyError::NoApplication => ErrorCode::NoApplication.into(),
        }
    }
}

impl From<BeginUserActionError> for ApiError {
    fn from(error: BeginUserActionError) -> Self {
        match error {
            BeginUserActionError::Party(error) => error.into(),
            BeginUserActionError::NotSignedIn => ErrorCode::NotAuthorized.into(),
            BeginUserActionError::Store(error) => error.into(),
        }
    }
}

impl From<BeginCredentialError> for ApiError {
    fn from(error: BeginCredentialError) -> Self {
        match error {
            BeginCredentialError::Party(error) => error.into(),
            BeginCredentialError::NotSignedIn => ErrorCode::NotAuthorized.into(),
            BeginCredentialError::Store(error) => error.into(),
        }
    }
}

impl From<BeginWithCodeError> for ApiError {
    fn from(error: BeginWithCodeError) -> Self {
        match error {
            BeginWithCodeError::Throttled(error) => error.into(),
            BeginWithCodeError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            BeginWithCodeError::InvalidCode => ErrorCode::InvalidCode.into(),
            BeginWithCodeError::Store(error) => error.into(),
        }
    }
}

impl ApiError {
    /// What becomes of a request that the user signed when the authority for it does not hold.
    pub(super) fn of_signed_request(conflict: AuthorityConflict) -> Self {
        match conflict {
            AuthorityConflict::Fresh => ErrorCode::CredentialFresh.into(),
            AuthorityConflict::Spent(Spendable::UserAction) => ErrorCode::UserActionUsed.into(),
            AuthorityConflict::Void
            | AuthorityConflict::Spent(
                Spendable::Challenge | Spendable::Session | Spendable::SessionCode,
            ) => ErrorCode::UserActionInvalid.into(),
        }
    }
}

impl From<IssueCodeError> for ApiError {
    fn from(error: IssueCodeError) -> Self {
        match error {
            IssueCodeError::Expiration(_) => Self::new(ErrorCode::InvalidExpiration)
                .saying(error.to_string())
                .at("expiration"),
            IssueCodeError::UnknownApplication => {
                Self::new(ErrorCode::ApplicationNotFound).at("applicationId")
            }
            IssueCodeError::Issue(IssueError::Authority(conflict)) => {
                Self::of_signed_request(conflict)
            }
            IssueCodeError::Issue(taken @ IssueError::Taken) => Self::internal(taken),
            IssueCodeError::Issue(IssueError::Store(error)) => error.into(),
        }
    }
}

impl From<ReleaseCodeError> for ApiError {
    fn from(error: ReleaseCodeError) -> Self {
        match error {
            ReleaseCodeError::InvalidChallenge => ErrorCode::ChallengeInvalid.into(),
            ReleaseCodeError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            ReleaseCodeError::Store(error) => error.into(),
        }
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Authority(conflict) => Self::of_signed_request(conflict),
            DecideError::NotWaiting => ErrorCode::CredentialNotFound.into(),
            DecideError::Store(error) => error.into(),
        }
    }
}

impl From<ApproveError> for ApiError {
    fn from(error: ApproveError) -> Self {
        match error {
            ApproveError::WrongNumber => Self::new(ErrorCode::WrongNumber).at("number"),
            ApproveError::Decide(error) => error.into(),
        }
    }
}

impl From<ApprovalStatusError> for ApiError {
    fn from(error: ApprovalStatusError) -> Self {
        match error {
            ApprovalStatusError::InvalidToken => {
                Self::new(ErrorCode::ApprovalTokenInvalid).at("approvalToken")
            }
            ApprovalStatusError::InvalidChallenge => ErrorCode::ChallengeInvalid.into(),
            ApprovalStatusError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Authority(conflict) => Self::of_signed_request(conflict),
            ChangeError::NotFound => ErrorCode::CredentialNotFound.into(),
            ChangeError::LastUsable => ErrorCode::LastCredential.into(),
            ChangeError::Waits => ErrorCode::CredentialWaits.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<ReadUsersError> for ApiError {
    fn from(error: ReadUsersError) -> Self {
        match error {
            ReadUsersError::NotAdministrator(NotAdministrator) => ErrorCode::NotPermitted.into(),
            ReadUsersError::Store(error) => error.into(),
        }
    }
}

impl From<CreateUserError> for ApiError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Authority(conflict) => Self::of_signed_request(conflict),
            CreateUserError::NotAdministrator(NotAdministrator) => ErrorCode::NotPermitted.into(),
            CreateUserError::AlreadyExists => Self::new(ErrorCode::UserExists).taken("email"),
            CreateUserError::ExternalIdTaken => {
                Self::new(ErrorCode::ExternalIdTaken).taken("externalId")
            }
            CreateUserError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeUserError> for ApiError {
    fn from(error: ChangeUserError) -> Self {
        match error {
            ChangeUserError::Authority(conflict) => Self::of_signed_request(conflict),
            ChangeUserError::NotAdministrator(NotAdministrator) => ErrorCode::NotPermitted.into(),
            ChangeUserError::NotFound => ErrorCode::UserNotFound.into(),
            ChangeUserError::LastAdministrator => ErrorCode::LastAdministrator.into(),
            ChangeUserError::Store(error) => error.into(),
        }
    }
}

impl From<NewCredentialError> for ApiError {
    fn from(error: NewCredentialError) -> Self {
        refused_credential(error, "")
    }
}

impl From<BeginRecoveryError> for ApiError {
    fn from(error: BeginRecoveryError) -> Self {
        match error {
            BeginRecoveryError::Throttled(error) => error.into(),
            BeginRecoveryError::OrganizationRequired(error) => error.into(),
            BeginRecoveryError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            BeginRecoveryError::InvalidCode => ErrorCode::InvalidCode.into(),
            BeginRecoveryError::NoRecoveryKey => {
                Self::new(ErrorCode::RecoveryCredentialRefused).at("credentialId")
            }
            BeginRecoveryError::NoApplication => ErrorCode::NoApplication.into(),
            BeginRecoveryError::Store(error) => error.into(),
        }
    }
}

impl From<RecoverError> for ApiError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::OtherCredential => Self::new(ErrorCode::RecoveryCredentialRefused)
                .at("recovery.credentialAssertion.credId"),
            RecoverError::Proof(error) => {
                let field = "recovery.credentialAssertion".to_owned();
                refused_proof(ErrorCode::FactorRefused, field, &error)
            }
            RecoverError::NewCredential(error) => refused_credential(error, "newCredentials."),
        }
    }
}

impl From<FactorError> for ApiError {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::Throttled(error) => error.into(),
            FactorError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
            FactorError::TooLong { member, maximum } => Self::invalid_field(
                format!("firstFactor.credentialAssertion.{member}"),
                &format!("must have at most {maximum} bytes"),
            ),
            FactorError::InvalidChallenge => ErrorCode::ChallengeInvalid.into(),
            FactorError::UnknownCredential => ErrorCode::NoUsableCredential.into(),
            FactorError::Proof { member, error } => {
                let field = format!("{member}.credentialAssertion");
                refused_proof(ErrorCode::FactorRefused, field, &error)
            }
            FactorError::Store(error) => error.into(),
        }
    }
}

/// A new credential that is not made; `prefix` is the path to the members that hold new credentials,
/// with a dot at its end unless it is empty.
fn refused_credential(error: NewCredentialError, prefix: &str) -> ApiError {
    match error {
        NewCredentialError::InvalidChallenge => ErrorCode::ChallengeInvalid.into(),
        NewCredentialError::Fresh => ErrorCode::CredentialFresh.into(),
        NewCredentialError::UserActionSpent => ErrorCode::UserActionUsed.into(),
        NewCredentialError::OriginNotAllowed => ErrorCode::OriginNotAllowed.into(),
        NewCredentialError::Proof { member, error } => {
            let field = format!("{prefix}{}", credential_info(member));
            refused_proof(ErrorCode::ProofRefused, field, &error)
        }
        NewCredentialError::KindNotAllowed { member, kind } => {
            let field = format!("{prefix}{member}.credentialKind");
            ApiError::new(ErrorCode::KindNotAllowed)
                .saying(format!("{field} cannot be {kind} here"))
                .at(field)
        }
        NewCredentialError::CredentialIdTaken => ErrorCode::CredentialIdTaken.into(),
        NewCredentialError::TooMany => ErrorCode::TooManyCredentials.into(),
        NewCredentialError::Store(error) => error.into(),
    }
}

/// Where the proof of a new credential stands, when the use case names the credential it belongs to.
fn credential_info(member: &str) -> String {
    match member {
        "credentialInfo" => member.to_owned(),
        credential => format!("{credential}.credentialInfo"),
    }
}

/// A proof that is not true: the texts help whoever builds a client.
fn refused_proof(code: ErrorCode, proof: String, error: &ProofError) -> ApiError {
    match error {
        ProofError::Malformed { part, problem } => {
            let field = format!("{proof}.{part}");
            ApiError::new(code)
                .saying(format!("{field} {problem}"))
                .at(field)
        }
        ProofError::Type
        | ProofError::Challenge
        | ProofError::OtherCredentials
        | ProofError::Origin
        | ProofError::CrossOrigin
        | ProofError::UserVerification
        | ProofError::UnsupportedKey
        | ProofError::CredentialId
        | ProofError::UserHandle
        | ProofError::Mismatch
        | ProofError::Signature
        | ProofError::CounterRegressed => ApiError::new(code)
            .saying(format!("{proof}: {error}"))
            .at(proof),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use latchkey_domain::{credential::CredentialKind, credential_code::ExpirationError};

    use super::*;

    fn facts(error: impl Into<ApiError>) -> (u16, &'static str, String, Option<String>) {
        let error = error.into();
        (
            error.code.status().as_u16(),
            error.code.as_str(),
            error.message.to_string(),
            error.field,
        )
    }

    #[test]
    fn a_malformed_part_of_a_proof_is_named_by_its_whole_path() {
        let error = ProofError::Malformed {
            part: "clientData",
            problem: "must be JSON",
        };
        let (status, code, message, field) = facts(NewCredentialError::Proof {
            member: "firstFactorCredential",
            error: error.clone(),
        });
        assert_eq!((status, code), (400, "proof_refused"));
        let path = "firstFactorCredential.credentialInfo.clientData";
        assert_eq!(message, format!("{path} must be JSON"));
        assert_eq!(field.as_deref(), Some(path));
        let (_, _, _, field) = facts(NewCredentialError::Proof {
            member: "credentialInfo",
            error: error.clone(),
        });
        assert_eq!(field.as_deref(), Some("credentialInfo.clientData"));
        let (status, code, _, field) = facts(FactorError::Proof {
            member: "secondFactor",
            error,
        });
        assert_eq!((status, code), (401, "factor_refused"));
        assert_eq!(
            field.as_deref(),
            Some("secondFactor.credentialAssertion.clientData")
        );
    }

    #[test]
    fn a_failed_proof_says_why() {
        let (_, _, message, field) = facts(FactorError::Proof {
            member: "firstFactor",
            error: ProofError::Signature,
        });
        assert_eq!(
            message,
            "firstFactor.credentialAssertion: the signature is not valid"
        );
        assert_eq!(field.as_deref(), Some("firstFactor.credentialAssertion"));
    }

    #[test]
    fn texts_that_clients_know_are_kept() {
        let (status, _, message, _) = facts(BeginWithCodeError::InvalidCode);
        assert_eq!((status, message.as_str()), (403, "Invalid code"));
        let (status, _, message, _) = facts(BeginRegistrationError::Expired);
        assert_eq!(
            (status, message.as_str()),
            (400, "Registration code expired")
        );
        let (status, _, message, _) = facts(FactorError::InvalidChallenge);
        assert_eq!(
            (status, message.as_str()),
            (400, "Challenge token is not valid.")
        );
        let (status, _, message, _) = facts(ChangeError::from(AuthorityConflict::Spent(
            Spendable::UserAction,
        )));
        assert_eq!(
            (status, message.as_str()),
            (400, "user action has already been used")
        );
        let (status, _, message, _) = facts(NotPermitted);
        assert_eq!(
            (status, message.as_str()),
            (403, "user action signature is missing or invalid")
        );
        let (status, _, message, _) = facts(SessionError::NotSignedIn);
        assert_eq!((status, message.as_str()), (401, "Not Authorized."));
    }

    #[test]
    fn an_unknown_user_and_an_unknown_credential_look_the_same() {
        assert_eq!(
            facts(BeginLoginError::NoUsableCredential),
            facts(FactorError::UnknownCredential)
        );
    }

    #[test]
    fn only_a_user_action_that_was_used_is_called_used() {
        let spent = AuthorityConflict::Spent;
        for (conflict, expected) in [
            (AuthorityConflict::Void, "user_action_invalid"),
            (AuthorityConflict::Fresh, "credential_fresh"),
            (spent(Spendable::UserAction), "user_action_used"),
            (spent(Spendable::Challenge), "user_action_invalid"),
            (spent(Spendable::Session), "user_action_invalid"),
        ] {
            for error in [
                facts(ChangeError::from(conflict)),
                facts(DecideError::from(conflict)),
                facts(IssueCodeError::Issue(conflict.into())),
                facts(CreateUserError::from(conflict)),
                facts(ChangeUserError::from(conflict)),
            ] {
                assert_eq!(error.1, expected, "{conflict:?}");
            }
        }
    }

    #[test]
    fn a_limit_says_when_to_come_back() {
        let error = ApiError::from(Throttled {
            retry_after: Duration::from_secs(7),
        });
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(error.message, "too many attempts; try again in 7 seconds");
    }

    #[test]
    fn refused_values_name_their_member() {
        let (status, code, message, field) =
            facts(IssueCodeError::Expiration(ExpirationError::TooFar));
        assert_eq!((status, code), (400, "invalid_expiration"));
        assert_eq!(message, "expiration must be at most one minute ahead");
        assert_eq!(field.as_deref(), Some("expiration"));
        let (_, code, message, _) = facts(NewCredentialError::KindNotAllowed {
            member: "recoveryCredential",
            kind: CredentialKind::Key,
        });
        assert_eq!(code, "kind_not_allowed");
        assert_eq!(
            message,
            "recoveryCredential.credentialKind cannot be Key here"
        );
    }

    #[test]
    fn a_refused_recovery_is_named_where_it_stands() {
        let (status, code, message, field) = facts(RecoverError::OtherCredential);
        assert_eq!((status, code), (401, "recovery_credential_refused"));
        assert_eq!(message, "Credential cannot be used as a recovery factor.");
        assert_eq!(
            field.as_deref(),
            Some("recovery.credentialAssertion.credId")
        );
        let (status, code, _, field) = facts(RecoverError::Proof(ProofError::OtherCredentials));
        assert_eq!((status, code), (401, "factor_refused"));
        assert_eq!(field.as_deref(), Some("recovery.credentialAssertion"));
        let (status, code, _, field) =
            facts(RecoverError::NewCredential(NewCredentialError::Proof {
                member: "firstFactorCredential",
                error: ProofError::Challenge,
            }));
        assert_eq!((status, code), (400, "proof_refused"));
        let path = "newCredentials.firstFactorCredential.credentialInfo";
        assert_eq!(field.as_deref(), Some(path));
    }
}

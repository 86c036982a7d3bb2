//! The same for requests of places for codes.

use latchkey_service::{
    code_requests::{FindRequestError, GrantRequestError, RequestCodeError},
    ports::code_request_store::{DecideRequestError, OpenRequestError},
};

use super::{ApiError, ErrorCode};

impl From<RequestCodeError> for ApiError {
    fn from(error: RequestCodeError) -> Self {
        match error {
            RequestCodeError::Throttled(error) => error.into(),
            RequestCodeError::OrganizationRequired(error) => error.into(),
            RequestCodeError::Party(error) => error.into(),
            RequestCodeError::KindNotAllowed => Self::new(ErrorCode::KindNotAllowed)
                .saying("a place asks for a credential to sign in with: credentialKind cannot be RecoveryKey here")
                .at("credentialKind"),
            RequestCodeError::Open(OpenRequestError::NotOffered) => {
                ErrorCode::CodeRequestsOff.into()
            }
            RequestCodeError::Open(taken @ OpenRequestError::Taken) => Self::internal(taken),
            RequestCodeError::Open(OpenRequestError::Store(error)) => error.into(),
        }
    }
}

impl From<FindRequestError> for ApiError {
    fn from(error: FindRequestError) -> Self {
        match error {
            FindRequestError::Throttled(error) => error.into(),
            FindRequestError::InvalidCode => ErrorCode::InvalidCode.into(),
            FindRequestError::OtherNetwork => ErrorCode::OtherNetwork.into(),
            FindRequestError::Store(error) => error.into(),
        }
    }
}

impl From<GrantRequestError> for ApiError {
    fn from(error: GrantRequestError) -> Self {
        match error {
            GrantRequestError::Find(error) => error.into(),
            GrantRequestError::WrongNumber => Self::new(ErrorCode::WrongNumber)
                .saying("this is not the number that the new place shows: its request is refused")
                .at("number"),
            GrantRequestError::Decide(DecideRequestError::Authority(conflict)) => {
                Self::of_signed_request(conflict)
            }
            GrantRequestError::Decide(DecideRequestError::NotWaiting) => {
                ErrorCode::InvalidCode.into()
            }
            GrantRequestError::Decide(DecideRequestError::Store(error)) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use latchkey_service::{directory::PartyError, ports::store::AuthorityConflict};

    use super::*;

    fn code(error: impl Into<ApiError>) -> (u16, &'static str) {
        let error = error.into();
        (error.code.status().as_u16(), error.code.as_str())
    }

    #[test]
    fn who_cannot_ask_or_grant_is_told_why_as_far_as_it_may_be() {
        let not_offered = RequestCodeError::from(OpenRequestError::NotOffered);
        assert_eq!(code(not_offered), (403, "code_requests_off"));
        let strange = RequestCodeError::from(PartyError::ForeignOrigin);
        assert_eq!(code(strange), (403, "origin_not_allowed"));
        let way_back = RequestCodeError::KindNotAllowed;
        assert_eq!(code(way_back), (400, "kind_not_allowed"));
        assert_eq!(code(FindRequestError::OtherNetwork), (403, "other_network"));
        for wrong in [
            GrantRequestError::from(FindRequestError::InvalidCode),
            GrantRequestError::from(DecideRequestError::NotWaiting),
        ] {
            assert_eq!(code(wrong), (403, "invalid_code"));
        }
        assert_eq!(code(GrantRequestError::WrongNumber), (409, "wrong_number"));
        let fresh = DecideRequestError::from(AuthorityConflict::Fresh);
        let fresh = GrantRequestError::from(fresh);
        assert_eq!(code(fresh), (403, "credential_fresh"));
    }
}

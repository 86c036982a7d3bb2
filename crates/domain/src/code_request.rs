//! Code requests: a place where nobody is signed in asks for a credential code, and a user who is signed in elsewhere
//! grants it one or refuses it. Waiting → Granted or Refused; Expired from Waiting.
//!
//! The code that is granted is the long one that the place has had since it asked. Until it is granted it is
//! a wrong code like any other, so that nothing has to be handed over afterwards, and nobody else ever sees it.

use std::{net::IpAddr, time::Duration};

use crate::{
    application::Origin,
    credential::CredentialKind,
    credential_code::{
        Binding, CodeDigest, CredentialCode, Kinds, MAXIMUM_LIFETIME, NewCredentialCode,
    },
    id::{ApplicationId, CodeRequestId, CredentialCodeId, OrganizationId},
    names::named,
    organization::RequestsFrom,
    session::Session,
    time::Timestamp,
};

/// How long a request waits to be granted: long enough to take up another device, and too short for a message
/// that carries it to be read.
pub const LIFETIME: Duration = Duration::from_mins(2);

/// How long a place waits before it asks again what has become of its request.
pub const INTERVAL: Duration = Duration::from_secs(3);

/// What a place where nobody is signed in asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRequest {
    /// Identifies it; not secret. The numbers that are compared follow from it.
    pub id: CodeRequestId,
    /// Whose users may grant it.
    pub organization: OrganizationId,
    /// The application at one of whose origins the place is, or that a native client names; without one any
    /// application of the organization will do.
    pub application: Option<ApplicationId>,
    /// The `Origin` of the request; native clients send none.
    pub origin: Option<Origin>,
    /// The address the request came from.
    pub address: IpAddr,
    /// The kind of credential that is to be made.
    pub kind: CredentialKind,
    /// Digest of the short code that the place shows, by which the request is found.
    pub short: CodeDigest,
    /// Digest of the long code that the place keeps: what it asks with, and what is a credential code once it
    /// is granted.
    pub long: CodeDigest,
    /// When it was opened.
    pub opened: Timestamp,
    /// From this moment on it cannot be granted.
    pub expires: Timestamp,
    /// What was decided.
    pub state: RequestState,
}

named! {
    /// What was decided about a request. That time has run out is not a state but a comparison with the clock.
    RequestState {
        /// Nothing.
        Waiting => "waiting",
        /// A code was issued for it.
        Granted => "granted",
        /// Whoever was to grant it saw another number, or said that it is not theirs.
        Refused => "refused",
    }
    /// The text names no such state.
    RequestStateError => "must be waiting, granted or refused"
}

named! {
    /// What a request looks like to its place at a given moment.
    RequestStatus {
        /// Nobody has granted it.
        Waiting => "Waiting",
        /// The long code of the place is a credential code, or was one.
        Granted => "Granted",
        /// It will not be granted.
        Refused => "Refused",
        /// Time ran out.
        Expired => "Expired",
    }
}

impl CodeRequest {
    /// What it looks like at `now`.
    pub fn status(&self, now: Timestamp) -> RequestStatus {
        match self.state {
            RequestState::Granted => RequestStatus::Granted,
            RequestState::Refused => RequestStatus::Refused,
            RequestState::Waiting if now < self.expires => RequestStatus::Waiting,
            RequestState::Waiting => RequestStatus::Expired,
        }
    }

    /// The code that the user who is signed in grants it, for what was asked and nothing else. It lives as long as a
    /// code may.
    pub fn code(
        &self,
        id: CredentialCodeId,
        session: &Session,
        now: Timestamp,
    ) -> NewCredentialCode {
        let binding = Binding {
            application: self.application.clone(),
            kinds: Kinds::new(&[self.kind]).ok(),
            name: None,
        };
        let expires = now.plus(MAXIMUM_LIFETIME);
        NewCredentialCode {
            code: CredentialCode::issue(id, session, now, expires).bound_to(binding),
            short: None,
            long: self.long,
        }
    }
}

/// The decision about one request. The store makes sure that it still waits, and that of several decisions at once
/// one takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDecision {
    /// The request.
    pub request: CodeRequestId,
    /// When.
    pub date: Timestamp,
    /// From where the organization let places ask when it was decided: it must be so still.
    pub from: RequestsFrom,
    /// The code that is granted; none refuses the request.
    pub code: Option<NewCredentialCode>,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{
        credential_code::CodeState,
        samples::{NOW, organization, session},
    };

    fn request() -> CodeRequest {
        CodeRequest {
            id: CodeRequestId::from_random(&[1; 32]),
            organization: organization(),
            application: Some(ApplicationId::from_random(&[2; 32])),
            origin: None,
            address: Ipv4Addr::LOCALHOST.into(),
            kind: CredentialKind::Fido2,
            short: CodeDigest::new([3; 32]),
            long: CodeDigest::new([4; 32]),
            opened: NOW,
            expires: NOW.plus(LIFETIME),
            state: RequestState::Waiting,
        }
    }

    #[test]
    fn a_request_waits_for_two_minutes_to_the_millisecond() {
        let request = request();
        let last = NOW.plus(LIFETIME).minus(Duration::from_millis(1));
        assert_eq!(request.status(NOW), RequestStatus::Waiting);
        assert_eq!(request.status(last), RequestStatus::Waiting);
        assert_eq!(request.status(request.expires), RequestStatus::Expired);
        assert_eq!(LIFETIME, Duration::from_mins(2));
    }

    #[test]
    fn what_was_decided_stays_so_when_time_is_over() {
        for (state, status) in [
            (RequestState::Granted, RequestStatus::Granted),
            (RequestState::Refused, RequestStatus::Refused),
        ] {
            let decided = CodeRequest { state, ..request() };
            assert_eq!(decided.status(NOW), status);
            assert_eq!(decided.status(decided.expires), status);
        }
    }

    #[test]
    fn the_code_is_the_one_of_the_place_and_for_what_it_asked() {
        let request = request();
        let id = CredentialCodeId::from_random(&[5; 32]);
        let new = request.code(id.clone(), &session(), NOW);
        assert_eq!((new.short, new.long), (None, request.long));
        assert_eq!((&new.code.id, &new.code.user), (&id, &session().user));
        assert_eq!(new.code.state, CodeState::Issued);
        assert_eq!(new.code.expires, NOW.plus(Duration::from_mins(1)));
        assert_eq!(new.code.binding.application, request.application);
        for (kind, is_allowed) in [
            (CredentialKind::Fido2, true),
            (CredentialKind::Key, false),
            (CredentialKind::RecoveryKey, false),
        ] {
            assert_eq!(new.code.binding.allows(kind), is_allowed, "{kind}");
        }
    }
}

//! Requests of places for codes.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    code_request::{CodeRequest, RequestDecision, RequestState, RequestStatus},
    credential_code::{CodeDigest, CodeForm},
    id::OrganizationId,
    organization::RequestsFrom,
    time::Timestamp,
};
use latchkey_service::ports::{
    code_request_store::{
        CodeRequestStore, DecideRequestError, FoundRequest, OpenRequestError, RefuseRequestError,
    },
    store::StoreError,
};

use crate::{MemoryStore, state::State};

#[async_trait]
impl CodeRequestStore for MemoryStore {
    async fn open(&self, request: CodeRequest) -> Result<(), OpenRequestError> {
        self.write(|state| {
            let from = state.requests_from(&request.organization);
            if matches!(from, None | Some(RequestsFrom::Nowhere)) || !state.is_served(&request) {
                return Err(OpenRequestError::NotOffered);
            }
            let is_alike = |held: &CodeRequest| {
                let digests = [held.short, held.long];
                digests.contains(&request.short) || digests.contains(&request.long)
            };
            if state.code_requests.values().any(is_alike) {
                return Err(OpenRequestError::Taken);
            }
            state.code_requests.insert(request.id.clone(), request);
            Ok(())
        })
    }

    async fn find(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
    ) -> Result<Option<FoundRequest>, StoreError> {
        Ok(self.read(|state| {
            let has = |held: &&CodeRequest| match form {
                CodeForm::Short => held.short == *digest,
                CodeForm::Long => held.long == *digest,
            };
            let request = state.code_requests.values().find(has)?;
            let from = state.requests_from(&request.organization)?;
            state.is_served(request).then(|| FoundRequest {
                request: request.clone(),
                from,
            })
        }))
    }

    async fn decide(
        &self,
        authority: Authority,
        decision: RequestDecision,
    ) -> Result<(), DecideRequestError> {
        self.write(|state| {
            state.exercise(&authority)?;
            let waits = state
                .waiting_request(authority.organization(), &decision)
                .ok_or(DecideRequestError::NotWaiting)?;
            let Some(granted) = decision.code else {
                waits.state = RequestState::Refused;
                return Ok(());
            };
            waits.state = RequestState::Granted;
            state
                .issue(granted)
                .map_err(|_taken| DecideRequestError::NotWaiting)
        })
    }

    async fn refuse(
        &self,
        found: &FoundRequest,
        date: Timestamp,
    ) -> Result<(), RefuseRequestError> {
        let refusal = found.decision(date, None);
        self.write(|state| {
            let waits = state
                .waiting_request(&found.request.organization, &refusal)
                .ok_or(RefuseRequestError::NotWaiting)?;
            waits.state = RequestState::Refused;
            Ok(())
        })
    }
}

impl State {
    /// From where places may ask an organization that is active.
    fn requests_from(&self, organization: &OrganizationId) -> Option<RequestsFrom> {
        let found = self.organizations.get(organization);
        let active = found.filter(|found| found.is_active);
        active.map(|found| found.requests_from)
    }

    /// The request of that organization which is decided about, if it waits, and places may ask as they might then.
    fn waiting_request(
        &mut self,
        organization: &OrganizationId,
        decision: &RequestDecision,
    ) -> Option<&mut CodeRequest> {
        let from = self.requests_from(organization);
        self.code_requests
            .get_mut(&decision.request)
            .filter(|held| held.organization == *organization)
            .filter(|held| held.status(decision.date) == RequestStatus::Waiting)
            .filter(|_held| from == Some(decision.from))
    }

    /// Whether the application of a request, if it has one, is active.
    fn is_served(&self, request: &CodeRequest) -> bool {
        request.application.as_ref().is_none_or(|id| {
            self.applications
                .get(id)
                .is_some_and(|found| found.is_active && found.organization == request.organization)
        })
    }
}

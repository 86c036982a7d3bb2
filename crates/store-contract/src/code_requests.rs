//! Requests of places for codes.

use std::{net::Ipv4Addr, time::Duration};

use latchkey_domain::{
    application::Origin,
    code_request::{CodeRequest, LIFETIME, RequestDecision, RequestState},
    credential::{CredentialKind, CredentialState},
    credential_code::{CodeForm, CodeState, NewCredentialCode},
    id::{ApplicationId, CodeRequestId, CredentialCodeId, OrganizationId},
    organization::RequestsFrom,
    time::Timestamp,
};
use latchkey_service::ports::{
    administration_store::Effect,
    code_request_store::{DecideRequestError, FoundRequest, OpenRequestError, RefuseRequestError},
};

use crate::{
    AuthorityConflict, CALLERS, NOW, Person, Tenant, Void, World, at_once, conflict, enter,
    successes,
};

cases! { code_requests:
    a_request_is_found_by_either_code_as_it_was,
    where_no_place_may_ask_no_request_is_kept,
    a_request_of_a_text_that_exists_changes_nothing,
    what_is_not_active_is_asked_for_nothing,
    what_is_granted_is_a_code_like_any_other,
    granting_ends_earlier_codes_and_what_waits,
    a_refused_request_issues_nothing,
    who_refuses_what_waits_leaves_nothing_to_grant,
    nothing_is_refused_but_what_waits_and_was_found_so,
    a_request_is_decided_once,
    of_many_who_decide_one_request_one_does,
    of_many_requests_that_are_granted_at_once_one_code_stays_open,
    nothing_is_decided_when_its_time_is_over,
    nobody_decides_for_another_organization,
    what_places_may_ask_is_what_they_may_when_it_is_decided,
    nothing_is_decided_without_authority,
    a_request_goes_with_its_application,
    what_has_expired_goes_and_nothing_else,
    setting_from_where_places_ask_says_whether_anything_was_changed,
}

impl World {
    async fn let_ask(&self, organization: &OrganizationId, from: RequestsFrom) {
        let set = self
            .administration
            .set_organization(organization, from.into());
        assert_eq!(set.await.unwrap(), Effect::Changed);
    }

    /// An organization that lets places ask from anywhere, and somebody of it.
    async fn asked(&self) -> (Tenant, Person) {
        let tenant = self.tenant("Example").await;
        let person = self.person(&tenant, 1).await;
        self.let_ask(&tenant.organization, RequestsFrom::Anywhere)
            .await;
        (tenant, person)
    }

    /// A request of a place at that application which is still to be opened.
    fn new_request(&self, tenant: &Tenant) -> CodeRequest {
        CodeRequest {
            application: Some(tenant.application.id.clone()),
            origin: Some(Origin::new("https://one.example").unwrap()),
            ..self.new_request_of_none(&tenant.organization)
        }
    }

    /// The same of a native client, which is at no application.
    fn new_request_of_none(&self, organization: &OrganizationId) -> CodeRequest {
        CodeRequest {
            id: CodeRequestId::from_random(&self.draw()),
            organization: organization.clone(),
            application: None,
            origin: None,
            address: Ipv4Addr::new(203, 0, 113, 7).into(),
            kind: CredentialKind::Key,
            short: self.digest(),
            long: self.digest(),
            opened: NOW,
            expires: NOW.plus(LIFETIME),
            state: RequestState::Waiting,
        }
    }

    /// A request of a native client that asks an organization, which lets places ask from anywhere then.
    pub async fn ask_for_code(&self, organization: &OrganizationId) -> CodeRequest {
        let anywhere = RequestsFrom::Anywhere;
        let set = self
            .administration
            .set_organization(organization, anywhere.into());
        set.await.unwrap();
        let request = self.new_request_of_none(organization);
        self.code_requests.open(request.clone()).await.unwrap();
        request
    }

    /// That a person grants a request.
    pub fn granting(&self, request: &CodeRequest, person: &Person) -> RequestDecision {
        decision(request, Some(self.grant(request, person)))
    }

    async fn opened(&self, tenant: &Tenant) -> CodeRequest {
        let request = self.new_request(tenant);
        self.code_requests.open(request.clone()).await.unwrap();
        request
    }

    /// That request as it is kept.
    pub(crate) async fn request(&self, request: &CodeRequest) -> Option<FoundRequest> {
        self.code_requests
            .find(CodeForm::Short, &request.short)
            .await
            .unwrap()
    }

    async fn request_state(&self, request: &CodeRequest) -> RequestState {
        self.request(request).await.unwrap().request.state
    }

    /// The code that person grants it.
    fn grant(&self, request: &CodeRequest, person: &Person) -> NewCredentialCode {
        let id = CredentialCodeId::from_random(&self.draw());
        request.code(id, &self.session(person), NOW)
    }

    /// Decides now about a request, as one may where places ask from anywhere.
    async fn decide_request(
        &self,
        person: &Person,
        request: &CodeRequest,
        code: Option<NewCredentialCode>,
    ) -> Result<(), DecideRequestError> {
        let decision = decision(request, code);
        let authority = self.authority(person);
        self.code_requests.decide(authority, decision).await
    }
}

fn decision(request: &CodeRequest, code: Option<NewCredentialCode>) -> RequestDecision {
    RequestDecision {
        request: request.id.clone(),
        date: NOW,
        from: RequestsFrom::Anywhere,
        code,
    }
}

fn is_not_waiting(outcome: &Result<(), DecideRequestError>) -> bool {
    matches!(outcome, Err(DecideRequestError::NotWaiting))
}

async fn a_request_is_found_by_either_code_as_it_was(world: World) {
    let (tenant, _) = world.asked().await;
    let with_page = world.opened(&tenant).await;
    let without = world.ask_for_code(&tenant.organization).await;
    for request in [with_page, without] {
        let codes = [
            (CodeForm::Short, request.short),
            (CodeForm::Long, request.long),
        ];
        for (form, digest) in codes {
            let found = world.other.code_requests.find(form, &digest).await.unwrap();
            let expected = FoundRequest {
                request: request.clone(),
                from: RequestsFrom::Anywhere,
            };
            assert_eq!(found, Some(expected));
        }
        for (form, digest) in [
            (CodeForm::Short, request.long),
            (CodeForm::Long, request.short),
        ] {
            let found = world.code_requests.find(form, &digest).await.unwrap();
            assert_eq!(found, None);
        }
    }
    for form in [CodeForm::Short, CodeForm::Long] {
        let found = world
            .code_requests
            .find(form, &world.digest())
            .await
            .unwrap();
        assert_eq!(found, None);
    }
}

async fn where_no_place_may_ask_no_request_is_kept(world: World) {
    let tenant = world.tenant("Example").await;
    let request = world.new_request(&tenant);
    let opened = world.code_requests.open(request.clone()).await;
    assert!(matches!(opened, Err(OpenRequestError::NotOffered)));
    assert_eq!(world.request(&request).await, None);
    for from in [RequestsFrom::SameNetwork, RequestsFrom::Anywhere] {
        world.let_ask(&tenant.organization, from).await;
        let request = world.opened(&tenant).await;
        assert_eq!(world.request(&request).await.unwrap().from, from);
    }
}

async fn a_request_of_a_text_that_exists_changes_nothing(world: World) {
    let (tenant, _) = world.asked().await;
    let first = world.opened(&tenant).await;
    let new = || world.new_request(&tenant);
    let alike = [
        CodeRequest {
            short: first.short,
            ..new()
        },
        CodeRequest {
            long: first.long,
            ..new()
        },
    ];
    for second in alike {
        let opened = world.code_requests.open(second).await;
        assert!(matches!(opened, Err(OpenRequestError::Taken)));
    }
    let found = world.request(&first).await.unwrap().request;
    assert_eq!(found, first);
}

async fn what_is_not_active_is_asked_for_nothing(world: World) {
    let (tenant, _) = world.asked().await;
    let request = world.opened(&tenant).await;
    let id = &tenant.application.id;
    assert!(world.set_application_active(id, false).await);
    assert_eq!(world.request(&request).await, None);
    let opened = world.code_requests.open(world.new_request(&tenant)).await;
    assert!(matches!(opened, Err(OpenRequestError::NotOffered)));
    assert!(world.set_application_active(id, true).await);
    assert!(world.request(&request).await.is_some());
    let foreign = CodeRequest {
        application: Some(ApplicationId::from_random(&world.draw())),
        ..world.new_request(&tenant)
    };
    let opened = world.code_requests.open(foreign).await;
    assert!(matches!(opened, Err(OpenRequestError::NotOffered)));
    world.deactivate(&tenant.organization).await;
    assert_eq!(world.request(&request).await, None);
    let opened = world.code_requests.open(world.new_request(&tenant)).await;
    assert!(matches!(opened, Err(OpenRequestError::NotOffered)));
}

async fn what_is_granted_is_a_code_like_any_other(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    assert!(world.code(&request.long).await.is_none());
    let new = world.grant(&request, &person);
    let decided = world.decide_request(&person, &request, Some(new.clone()));
    decided.await.unwrap();
    assert_eq!(world.request_state(&request).await, RequestState::Granted);
    let held = world.code(&request.long).await.unwrap();
    assert_eq!((&held.code, &held.user), (&new.code, &person.user));
    // What everybody may have seen is no code.
    assert!(
        world
            .code_of(CodeForm::Short, &request.short)
            .await
            .is_none()
    );
    let newest = world.newest(&person.user.id).await;
    assert_eq!(newest.unwrap().id, new.code.id);
    let claimed = enter(&world, &new.long, world.entry(&new.code)).await;
    claimed.unwrap();
    assert!(matches!(world.state_of(&new).await, CodeState::Claimed(_)));
}

async fn granting_ends_earlier_codes_and_what_waits(world: World) {
    let (tenant, person) = world.asked().await;
    let claimed = world.claimed_code(&person).await;
    let mut waiting = world.key(&person.user);
    let until = NOW.plus(Duration::from_mins(5));
    waiting.state = CredentialState::Waiting { until };
    world.redeem(&claimed, waiting).await.unwrap();
    let number = world.credentials_of(&person).await.len();
    let request = world.opened(&tenant).await;
    let granted = world.grant(&request, &person);
    let decided = world.decide_request(&person, &request, Some(granted));
    decided.await.unwrap();
    assert_eq!(world.credentials_of(&person).await.len(), number - 1);
    let earlier = world.issued_code(&person).await;
    let request = world.opened(&tenant).await;
    let granted = world.grant(&request, &person);
    let decided = world.decide_request(&person, &request, Some(granted));
    decided.await.unwrap();
    let cancelled = CodeState::Cancelled { claim: None };
    assert_eq!(world.state_of(&earlier).await, cancelled);
}

async fn a_refused_request_issues_nothing(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    let earlier = world.issued_code(&person).await;
    let decided = world.decide_request(&person, &request, None);
    decided.await.unwrap();
    assert_eq!(world.request_state(&request).await, RequestState::Refused);
    assert!(world.code(&request.long).await.is_none());
    assert_eq!(world.state_of(&earlier).await, CodeState::Issued);
}

async fn who_refuses_what_waits_leaves_nothing_to_grant(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    let beside = world.opened(&tenant).await;
    let earlier = world.issued_code(&person).await;
    let found = world.request(&request).await.unwrap();
    let refused = world.other.code_requests.refuse(&found, NOW);
    refused.await.unwrap();
    assert_eq!(world.request_state(&request).await, RequestState::Refused);
    assert_eq!(world.request_state(&beside).await, RequestState::Waiting);
    assert_eq!(world.state_of(&earlier).await, CodeState::Issued);
    let granted = world.grant(&request, &person);
    let decided = world.decide_request(&person, &request, Some(granted)).await;
    assert!(is_not_waiting(&decided), "{decided:?}");
    assert!(world.code(&request.long).await.is_none());
}

async fn nothing_is_refused_but_what_waits_and_was_found_so(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    let found = world.request(&request).await.unwrap();
    let is_lost = async |found: &FoundRequest, date: Timestamp| {
        let refused = world.code_requests.refuse(found, date).await;
        assert!(matches!(
            refused,
            Ok(()) | Err(RefuseRequestError::NotWaiting)
        ));
        refused.is_err()
    };
    assert!(is_lost(&found, request.expires).await);
    let near = FoundRequest {
        from: RequestsFrom::SameNetwork,
        ..found.clone()
    };
    assert!(is_lost(&near, NOW).await);
    let mut unknown = found.clone();
    unknown.request.id = CodeRequestId::from_random(&world.draw());
    assert!(is_lost(&unknown, NOW).await);
    assert_eq!(world.request_state(&request).await, RequestState::Waiting);
    let last = request.expires.minus(Duration::from_millis(1));
    assert!(!is_lost(&found, last).await);
    assert!(is_lost(&found, NOW).await);
    let granted = world.opened(&tenant).await;
    let found = world.request(&granted).await.unwrap();
    let code = world.grant(&granted, &person);
    let decided = world.decide_request(&person, &granted, Some(code));
    decided.await.unwrap();
    assert!(is_lost(&found, NOW).await);
    assert_eq!(world.request_state(&granted).await, RequestState::Granted);
}

async fn a_request_is_decided_once(world: World) {
    let (tenant, person) = world.asked().await;
    for first_is_granted in [true, false] {
        let request = world.opened(&tenant).await;
        let first = first_is_granted.then(|| world.grant(&request, &person));
        let decided = world.decide_request(&person, &request, first);
        decided.await.unwrap();
        let state = world.request_state(&request).await;
        for second in [Some(world.grant(&request, &person)), None] {
            let decided = world.decide_request(&person, &request, second).await;
            assert!(is_not_waiting(&decided), "{decided:?}");
        }
        assert_eq!(world.request_state(&request).await, state);
    }
}

/// Two users, both verdicts, and who only says that it is not theirs.
async fn of_many_who_decide_one_request_one_does(world: World) {
    let (tenant, ada) = world.asked().await;
    let bob = world.person(&tenant, 1).await;
    let request = world.opened(&tenant).await;
    let found = world.request(&request).await.unwrap();
    let outcomes = at_once(|index| {
        let person = if index.is_multiple_of(3) { &ada } else { &bob };
        let code = (!index.is_multiple_of(5)).then(|| world.grant(&request, person));
        let (decision, found) = (decision(&request, code.clone()), found.clone());
        let (stores, authority) = (world.replica(index), world.authority(person));
        async move {
            if index.is_multiple_of(4) {
                let refused = stores.code_requests.refuse(&found, NOW).await;
                return refused.map(|()| None).map_err(|error| match error {
                    RefuseRequestError::NotWaiting => DecideRequestError::NotWaiting,
                    RefuseRequestError::Store(error) => error.into(),
                });
            }
            let decided = stores.code_requests.decide(authority, decision).await;
            decided.map(|()| code)
        }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in &outcomes {
        assert!(matches!(
            outcome,
            Ok(_) | Err(DecideRequestError::NotWaiting)
        ));
    }
    let decided = outcomes.into_iter().find_map(Result::ok).unwrap();
    let found = world.code(&request.long).await.map(|held| held.code);
    assert_eq!(found, decided.map(|new| new.code));
}

async fn of_many_requests_that_are_granted_at_once_one_code_stays_open(world: World) {
    let (tenant, person) = world.asked().await;
    let mut requests = Vec::new();
    for _ in 0..CALLERS {
        requests.push(world.opened(&tenant).await);
    }
    let granted = at_once(|index| {
        let new = world.grant(&requests[index], &person);
        let decision = decision(&requests[index], Some(new.clone()));
        let (stores, authority) = (world.replica(index), world.authority(&person));
        async move {
            let decided = stores.code_requests.decide(authority, decision).await;
            decided.map(|()| new).unwrap()
        }
    })
    .await;
    let newest = world.newest(&person.user.id).await.unwrap();
    for new in granted {
        let expected = if new.code.id == newest.id {
            CodeState::Issued
        } else {
            CodeState::Cancelled { claim: None }
        };
        assert_eq!(world.state_of(&new).await, expected);
    }
}

async fn nothing_is_decided_when_its_time_is_over(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    let at = async |date: Timestamp| {
        let granted = world.grant(&request, &person);
        let decision = RequestDecision {
            date,
            ..decision(&request, Some(granted))
        };
        let authority = world.authority(&person);
        world.code_requests.decide(authority, decision).await
    };
    assert!(is_not_waiting(&at(request.expires).await));
    assert_eq!(world.request_state(&request).await, RequestState::Waiting);
    let last = request.expires.minus(Duration::from_millis(1));
    at(last).await.unwrap();
}

async fn nobody_decides_for_another_organization(world: World) {
    let (tenant, _) = world.asked().await;
    let other = world.tenant("Other").await;
    world
        .let_ask(&other.organization, RequestsFrom::Anywhere)
        .await;
    let stranger = world.person(&other, 1).await;
    let request = world.opened(&tenant).await;
    for code in [Some(world.grant(&request, &stranger)), None] {
        let decided = world.decide_request(&stranger, &request, code).await;
        assert!(is_not_waiting(&decided), "{decided:?}");
    }
    assert_eq!(world.request_state(&request).await, RequestState::Waiting);
}

async fn what_places_may_ask_is_what_they_may_when_it_is_decided(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    for from in [RequestsFrom::SameNetwork, RequestsFrom::Nowhere] {
        world.let_ask(&tenant.organization, from).await;
        let found = world.request(&request).await.unwrap();
        assert_eq!(found.from, from);
        let granted = world.grant(&request, &person);
        let decided = world.decide_request(&person, &request, Some(granted)).await;
        assert!(is_not_waiting(&decided), "{decided:?}");
    }
    world
        .let_ask(&tenant.organization, RequestsFrom::Anywhere)
        .await;
    let granted = world.grant(&request, &person);
    let decided = world.decide_request(&person, &request, Some(granted));
    decided.await.unwrap();
}

async fn nothing_is_decided_without_authority(world: World) {
    let (tenant, person) = world.asked().await;
    let request = world.opened(&tenant).await;
    let used = world.authority(&person);
    let first = decision(&request, Some(world.grant(&request, &person)));
    let decided = world.code_requests.decide(used.clone(), first);
    decided.await.unwrap();
    let next = world.opened(&tenant).await;
    let second = || decision(&next, Some(world.grant(&next, &person)));
    let refused = world.code_requests.decide(used, second()).await;
    assert!(matches!(conflict(&refused), AuthorityConflict::Spent(_)));
    let mut void = person.user.clone();
    void.epoch = person.user.epoch.next();
    let void = world.authority_with(&void, &person.credentials[0].uuid);
    let refused = world.code_requests.decide(void, second()).await;
    assert_eq!(conflict(&refused), Void);
    assert_eq!(world.request_state(&next).await, RequestState::Waiting);
    assert!(world.code(&next.long).await.is_none());
}

async fn a_request_goes_with_its_application(world: World) {
    let (tenant, _) = world.asked().await;
    let added = world.new_application(&tenant.organization, "https://two.example");
    let id = added.id.clone();
    world
        .administration
        .add_application(added, None)
        .await
        .unwrap();
    let stays = world.opened(&tenant).await;
    let goes = CodeRequest {
        application: Some(id.clone()),
        ..world.new_request(&tenant)
    };
    world.code_requests.open(goes.clone()).await.unwrap();
    let deleted = world.administration.delete_application(&id, None);
    deleted.await.unwrap();
    assert_eq!(world.request(&goes).await, None);
    assert!(world.request(&stays).await.is_some());
}

async fn what_has_expired_goes_and_nothing_else(world: World) {
    let (tenant, _) = world.asked().await;
    let early = world.opened(&tenant).await;
    let late = CodeRequest {
        expires: NOW.plus(LIFETIME * 2),
        ..world.new_request(&tenant)
    };
    world.code_requests.open(late.clone()).await.unwrap();
    world.housekeep(early.expires, 100).await;
    assert!(world.request(&early).await.is_some());
    let after = early.expires.plus(Duration::from_millis(1));
    world.housekeep(after, 100).await;
    assert_eq!(world.request(&early).await, None);
    assert!(world.request(&late).await.is_some());
}

async fn setting_from_where_places_ask_says_whether_anything_was_changed(world: World) {
    let tenant = world.tenant("Example").await;
    let administration = &world.administration;
    for (wanted, effect) in [
        (RequestsFrom::Nowhere, Effect::Unneeded),
        (RequestsFrom::SameNetwork, Effect::Changed),
        (RequestsFrom::SameNetwork, Effect::Unneeded),
        (RequestsFrom::Anywhere, Effect::Changed),
        (RequestsFrom::Nowhere, Effect::Changed),
        (RequestsFrom::Nowhere, Effect::Unneeded),
    ] {
        let set = administration.set_organization(&tenant.organization, wanted.into());
        assert_eq!(set.await.unwrap(), effect, "{wanted}");
        let entries = administration.organizations().await.unwrap();
        assert_eq!(entries[0].organization.requests_from, wanted);
    }
    let unknown = OrganizationId::from_random(&world.draw());
    let set = administration.set_organization(&unknown, RequestsFrom::Anywhere.into());
    assert_eq!(set.await.unwrap(), Effect::NotFound);
}

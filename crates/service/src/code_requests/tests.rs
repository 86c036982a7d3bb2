use latchkey_domain::{
    application::Origin,
    approval::Comparison,
    credential_code::{CodeDigest, CodeForm, CodeState},
    id::ApplicationId,
    user::User,
};

use super::*;
use crate::{
    ports::{
        code_digester::MockCodeDigester, code_request_store::MockCodeRequestStore,
        proof_verifier::MockProofVerifier, store::AuthorityConflict,
    },
    testing::{
        Heard, NOW, application, caller, ceremonies, events, organization, session, signed_request,
        throttle, user,
    },
};

const SHORT: &str = "ABC-DEF-GHJ";
const TWO: Option<&str> = Some("https://two.example");

/// A digest that tells texts apart.
fn digest(text: &str) -> CodeDigest {
    let mut bytes = [0_u8; 32];
    for (place, byte) in text.bytes().enumerate() {
        let mixed = bytes[place % 32].wrapping_mul(31).wrapping_add(byte);
        bytes[place % 32] = mixed;
    }
    CodeDigest::new(bytes)
}

fn requests(store: MockCodeRequestStore) -> (CodeRequests, Arc<Heard>) {
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .returning(|text| digest(text.reveal()));
    let (events, heard) = events();
    let mut requests = CodeRequests {
        ceremonies: ceremonies(MockProofVerifier::new()),
        digester: Arc::new(digester),
        store: Arc::new(store),
        throttle: throttle(),
    };
    requests.ceremonies.events = events;
    (requests, heard)
}

fn wanted() -> RequestCode {
    RequestCode {
        organization: Some(organization(1)),
        kind: CredentialKind::Fido2,
    }
}

fn long() -> CodeText {
    credential_code::long_from_random(&[7; 32])
}

/// A request of application two, at the address of callers.
fn request() -> CodeRequest {
    CodeRequest {
        id: CodeRequestId::from_random(&[4; 32]),
        organization: organization(1),
        application: Some(application("two", 1).id),
        origin: Some(Origin::new("https://two.example").unwrap()),
        address: caller(None).address,
        kind: CredentialKind::Fido2,
        short: digest(SHORT),
        long: digest(long().reveal()),
        opened: NOW,
        expires: NOW.plus(LIFETIME),
        state: RequestState::Waiting,
    }
}

/// The number that its place shows.
fn shown() -> u16 {
    let digest = digest(&format!("number of {}", request().id));
    Comparison::from_random(digest.as_bytes()).number()
}

/// A store that finds this request by its codes; every further call would fail the test.
fn finding(request: Option<CodeRequest>, from: RequestsFrom) -> MockCodeRequestStore {
    let mut store = MockCodeRequestStore::new();
    store.expect_find().returning(move |form, digest| {
        let has = |request: &CodeRequest| match form {
            CodeForm::Short => request.short == *digest,
            CodeForm::Long => request.long == *digest,
        };
        let request = request.clone().filter(has);
        Ok(request.map(|request| FoundRequest { request, from }))
    });
    store
}

async fn find(
    store: MockCodeRequestStore,
    of: &User,
) -> (
    Result<WaitingRequest, FindRequestError>,
    Vec<(Event, Option<Reason>)>,
) {
    let (requests, heard) = requests(store);
    let code = EnteredCode::parse(SHORT);
    let found = requests.find(&caller(None), &session(of), &code).await;
    (found, heard.take())
}

#[tokio::test]
async fn a_place_gets_a_code_to_show_one_to_keep_and_a_number() {
    let mut store = MockCodeRequestStore::new();
    store
        .expect_open()
        .times(1)
        .withf(|request| {
            request.organization == organization(1)
                && request.application == Some(application("two", 1).id)
                && request.origin.as_ref().map(Origin::as_str) == TWO
                && request.state == RequestState::Waiting
                && request.short != request.long
        })
        .returning(|_| Ok(()));
    let (requests, heard) = requests(store);
    let opened = requests.open(&caller(TWO), wanted()).await.unwrap();
    assert!(opened.long.reveal().starts_with("cc_"));
    assert_eq!(opened.short.reveal().len(), 11);
    assert_eq!(opened.expires, NOW.plus(LIFETIME));
    assert!((10..100).contains(&opened.number));
    assert_eq!(heard.take(), [(Event::RequestCode, None)]);
}

#[tokio::test]
async fn a_place_without_an_origin_is_at_no_application() {
    let mut store = MockCodeRequestStore::new();
    store
        .expect_open()
        .times(1)
        .withf(|request| request.application.is_none() && request.origin.is_none())
        .returning(|_| Ok(()));
    let (requests, _) = requests(store);
    assert!(requests.open(&caller(None), wanted()).await.is_ok());
}

#[tokio::test]
async fn a_place_without_an_origin_may_name_its_application() {
    let own = application("two", 1).id;
    let foreign = ApplicationId::from_random(&[99; 32]);
    for (named, expected) in [(own.clone(), Some(own)), (foreign, None)] {
        let mut store = MockCodeRequestStore::new();
        store
            .expect_open()
            .times(1)
            .withf(move |request| request.application == expected && request.origin.is_none())
            .returning(|_| Ok(()));
        let (requests, _) = requests(store);
        let caller = Caller {
            application: Some(named),
            ..caller(None)
        };
        assert!(requests.open(&caller, wanted()).await.is_ok());
    }
}

#[tokio::test]
async fn nothing_is_opened_on_a_strange_page_or_for_nobody() {
    let (requests, heard) = requests(MockCodeRequestStore::new());
    for (origin, organization, reason) in [
        (
            Some("https://unlisted.example"),
            Some(organization(1)),
            Reason::OriginNotAllowed,
        ),
        (TWO, Some(organization(2)), Reason::OriginNotAllowed),
        (TWO, None, Reason::OrganizationRequired),
        (None, Some(organization(9)), Reason::NoApplication),
    ] {
        let wanted = RequestCode {
            organization,
            ..wanted()
        };
        assert!(requests.open(&caller(origin), wanted).await.is_err());
        assert_eq!(heard.take(), [(Event::RequestCode, Some(reason))]);
    }
}

#[tokio::test]
async fn no_place_asks_for_a_way_back() {
    for &kind in CredentialKind::ALL {
        let is_asked_for = kind != CredentialKind::RecoveryKey;
        let mut store = MockCodeRequestStore::new();
        store
            .expect_open()
            .times(usize::from(is_asked_for))
            .returning(|_| Ok(()));
        let (requests, heard) = requests(store);
        let wanted = RequestCode { kind, ..wanted() };
        let opened = requests.open(&caller(TWO), wanted).await;
        assert_eq!(opened.is_ok(), is_asked_for, "{kind}");
        let reason = (!is_asked_for).then_some(Reason::KindNotAllowed);
        assert_eq!(heard.take(), [(Event::RequestCode, reason)], "{kind}");
    }
}

#[tokio::test]
async fn where_no_place_may_ask_the_store_is_not_asked() {
    let (requests, heard) = requests(MockCodeRequestStore::new());
    let wanted = RequestCode {
        organization: Some(organization(2)),
        ..wanted()
    };
    let refused = requests
        .open(&caller(Some("https://other.example")), wanted)
        .await;
    let not_offered = RequestCodeError::from(OpenRequestError::NotOffered);
    assert_eq!(refused.err().unwrap().to_string(), not_offered.to_string());
    let reason = Some(Reason::RequestsOff);
    assert_eq!(heard.take(), [(Event::RequestCode, reason)]);
}

#[tokio::test]
async fn codes_that_exist_already_are_drawn_again_a_few_times() {
    let mut store = MockCodeRequestStore::new();
    store
        .expect_open()
        .times(3)
        .returning(|_| Err(OpenRequestError::Taken));
    let (requests, _) = requests(store);
    let opened = requests.open(&caller(TWO), wanted()).await;
    let taken = RequestCodeError::Open(OpenRequestError::Taken);
    assert_eq!(opened.err().unwrap().to_string(), taken.to_string());
}

#[tokio::test]
async fn an_address_opens_ten_requests_a_minute() {
    let mut store = MockCodeRequestStore::new();
    store.expect_open().times(10).returning(|_| Ok(()));
    let (requests, heard) = requests(store);
    for _ in 0..10 {
        assert!(requests.open(&caller(TWO), wanted()).await.is_ok());
    }
    heard.take();
    let eleventh = requests.open(&caller(TWO), wanted()).await;
    assert!(matches!(eleventh, Err(RequestCodeError::Throttled(_))));
    let refused = Some(Reason::Throttled);
    assert_eq!(heard.take(), [(Event::RequestCode, refused)]);
}

#[tokio::test]
async fn a_user_sees_who_asks_and_three_numbers() {
    let (found, heard) = find(
        finding(Some(request()), RequestsFrom::SameNetwork),
        &user(3),
    )
    .await;
    let found = found.unwrap();
    assert_eq!(found.request, request());
    assert_eq!(found.application, Some(application("two", 1).name));
    assert!(found.is_near);
    assert!(found.numbers.contains(&shown()));
    assert_eq!(heard, [(Event::FindCodeRequest, None)]);
}

#[tokio::test]
async fn what_is_no_request_to_grant_is_a_wrong_code() {
    let stranger = User {
        organization: organization(2),
        ..user(3)
    };
    let expired = CodeRequest {
        expires: NOW,
        ..request()
    };
    let in_state = |state| CodeRequest { state, ..request() };
    // By the code that is its place's alone nobody else finds it.
    let by_long = CodeRequest {
        short: digest(long().reveal()),
        long: digest(SHORT),
        ..request()
    };
    let way_back = CodeRequest {
        kind: CredentialKind::RecoveryKey,
        ..request()
    };
    let anywhere = RequestsFrom::Anywhere;
    for (request, from, of, reason) in [
        (Some(way_back), anywhere, user(3), Reason::InvalidCode),
        (None, anywhere, user(3), Reason::InvalidCode),
        (Some(request()), anywhere, stranger, Reason::InvalidCode),
        (Some(expired), anywhere, user(3), Reason::CodeExpired),
        (
            Some(in_state(RequestState::Granted)),
            anywhere,
            user(3),
            Reason::InvalidCode,
        ),
        (
            Some(in_state(RequestState::Refused)),
            anywhere,
            user(3),
            Reason::InvalidCode,
        ),
        (Some(by_long), anywhere, user(3), Reason::InvalidCode),
        (
            Some(request()),
            RequestsFrom::Nowhere,
            user(3),
            Reason::InvalidCode,
        ),
    ] {
        let (found, heard) = find(finding(request, from), &of).await;
        assert!(matches!(found, Err(FindRequestError::InvalidCode)));
        assert_eq!(heard, [(Event::FindCodeRequest, Some(reason))]);
    }
}

#[tokio::test]
async fn from_another_network_only_who_may_be_anywhere_asks() {
    let far = CodeRequest {
        address: [192, 0, 2, 1].into(),
        ..request()
    };
    let (found, _) = find(finding(Some(far.clone()), RequestsFrom::Anywhere), &user(3)).await;
    assert!(!found.unwrap().is_near);
    let (found, heard) = find(finding(Some(far), RequestsFrom::SameNetwork), &user(3)).await;
    assert!(matches!(found, Err(FindRequestError::OtherNetwork)));
    let refused = Some(Reason::OtherNetwork);
    assert_eq!(heard, [(Event::FindCodeRequest, refused)]);
}

#[tokio::test]
async fn a_user_tries_five_wrong_codes_a_minute_and_right_ones_are_not_counted() {
    let code = EnteredCode::parse(SHORT);
    let (right, _) = requests(finding(Some(request()), RequestsFrom::Anywhere));
    for _ in 0..20 {
        let found = right.find(&caller(None), &session(&user(3)), &code).await;
        assert!(found.is_ok());
    }
    let (wrong, _) = requests(finding(None, RequestsFrom::Anywhere));
    let session = session(&user(3));
    for _ in 0..5 {
        let found = wrong.find(&caller(None), &session, &code).await;
        assert!(matches!(found, Err(FindRequestError::InvalidCode)));
    }
    let sixth = wrong.find(&caller(None), &session, &code).await;
    assert!(matches!(sixth, Err(FindRequestError::Throttled(_))));
    let seventh = wrong.refuse(&caller(None), &session, &code).await;
    assert!(matches!(seventh, Err(FindRequestError::Throttled(_))));
}

#[tokio::test]
async fn what_is_granted_is_a_code_of_the_user_with_the_text_of_the_place() {
    let mut store = finding(Some(request()), RequestsFrom::SameNetwork);
    store
        .expect_decide()
        .times(1)
        .withf(|authority, decision| {
            let new = decision.code.as_ref().unwrap();
            authority.spends().len() == 1
                && authority.settled_at() == Some(NOW)
                && decision.request == request().id
                && decision.from == RequestsFrom::SameNetwork
                && (new.short, new.long) == (None, request().long)
                && new.code.user == user(3).id
                && new.code.state == CodeState::Issued
                && new.code.binding.application == request().application
                && new.code.binding.allows(CredentialKind::Fido2)
                && !new.code.binding.allows(CredentialKind::Key)
        })
        .returning(|_, _| Ok(()));
    let (requests, heard) = requests(store);
    let signed = signed_request(&user(3));
    let code = EnteredCode::parse(SHORT);
    requests.grant(&signed, &code, shown()).await.unwrap();
    assert_eq!(heard.take(), [(Event::GrantCodeRequest, None)]);
}

#[tokio::test]
async fn another_number_refuses_the_request_and_that_is_told() {
    let mut store = finding(Some(request()), RequestsFrom::Anywhere);
    store
        .expect_decide()
        .times(1)
        .withf(|_authority, decision| decision.code.is_none() && decision.request == request().id)
        .returning(|_, _| Ok(()));
    let (requests, heard) = requests(store);
    let signed = signed_request(&user(3));
    let code = EnteredCode::parse(SHORT);
    let granted = requests.grant(&signed, &code, shown() + 1).await;
    assert!(matches!(granted, Err(GrantRequestError::WrongNumber)));
    let refused = Some(Reason::WrongNumber);
    assert_eq!(heard.take(), [(Event::GrantCodeRequest, refused)]);
}

#[tokio::test]
async fn what_is_not_found_is_not_decided() {
    let (requests, heard) = requests(finding(None, RequestsFrom::Anywhere));
    let signed = signed_request(&user(3));
    let code = EnteredCode::parse(SHORT);
    let granted = requests.grant(&signed, &code, shown()).await;
    let refused = GrantRequestError::Find(FindRequestError::InvalidCode);
    assert_eq!(granted.unwrap_err().to_string(), refused.to_string());
    let refused = Some(Reason::InvalidCode);
    assert_eq!(heard.take(), [(Event::GrantCodeRequest, refused)]);
}

#[tokio::test]
async fn who_comes_second_or_without_authority_grants_nothing() {
    let conflict = || DecideRequestError::Authority(AuthorityConflict::Fresh);
    let lost = || DecideRequestError::NotWaiting;
    let answers: [(fn() -> DecideRequestError, Reason); 2] = [
        (conflict, Reason::CredentialFresh),
        (lost, Reason::InvalidCode),
    ];
    for (answer, reason) in answers {
        let mut store = finding(Some(request()), RequestsFrom::Anywhere);
        store
            .expect_decide()
            .times(1)
            .returning(move |_, _| Err(answer()));
        let (requests, heard) = requests(store);
        let signed = signed_request(&user(3));
        let code = EnteredCode::parse(SHORT);
        assert!(requests.grant(&signed, &code, shown()).await.is_err());
        assert_eq!(heard.take(), [(Event::GrantCodeRequest, Some(reason))]);
    }
}

async fn refuse(
    store: MockCodeRequestStore,
) -> (Result<(), FindRequestError>, Vec<(Event, Option<Reason>)>) {
    let (requests, heard) = requests(store);
    let code = EnteredCode::parse(SHORT);
    let session = session(&user(3));
    let refused = requests.refuse(&caller(None), &session, &code).await;
    (refused, heard.take())
}

#[tokio::test]
async fn who_finds_a_request_that_is_not_theirs_refuses_it_and_that_is_told() {
    let mut store = finding(Some(request()), RequestsFrom::SameNetwork);
    store
        .expect_refuse()
        .times(1)
        .withf(|found, date| {
            (&found.request, found.from) == (&request(), RequestsFrom::SameNetwork) && *date == NOW
        })
        .returning(|_, _| Ok(()));
    let (refused, heard) = refuse(store).await;
    refused.unwrap();
    assert_eq!(heard, [(Event::RefuseCodeRequest, None)]);
}

#[tokio::test]
async fn what_cannot_be_looked_at_cannot_be_refused_either() {
    let far = CodeRequest {
        address: [192, 0, 2, 1].into(),
        ..request()
    };
    let refused_already = CodeRequest {
        state: RequestState::Refused,
        ..request()
    };
    for (request, reason) in [
        (None, Reason::InvalidCode),
        (Some(refused_already), Reason::InvalidCode),
        (Some(far), Reason::OtherNetwork),
    ] {
        let (refused, heard) = refuse(finding(request, RequestsFrom::SameNetwork)).await;
        assert!(refused.is_err());
        assert_eq!(heard, [(Event::RefuseCodeRequest, Some(reason))]);
    }
    // Somebody else has just decided.
    let mut store = finding(Some(request()), RequestsFrom::Anywhere);
    store
        .expect_refuse()
        .returning(|_, _| Err(RefuseRequestError::NotWaiting));
    let (refused, _) = refuse(store).await;
    assert!(matches!(refused, Err(FindRequestError::InvalidCode)));
}

async fn status(
    request: Option<CodeRequest>,
    code: &EnteredCode,
) -> Result<RequestStatus, FindRequestError> {
    let (requests, _) = requests(finding(request, RequestsFrom::Anywhere));
    requests.status(&caller(None), code).await
}

#[tokio::test]
async fn the_place_alone_is_told_what_has_become_of_its_request() {
    let own = EnteredCode::parse(long().reveal());
    let in_state = |state| CodeRequest { state, ..request() };
    let expired = CodeRequest {
        expires: NOW,
        ..request()
    };
    for (request, expected) in [
        (request(), RequestStatus::Waiting),
        (in_state(RequestState::Granted), RequestStatus::Granted),
        (in_state(RequestState::Refused), RequestStatus::Refused),
        (expired, RequestStatus::Expired),
    ] {
        assert_eq!(status(Some(request), &own).await.unwrap(), expected);
    }
    // What is shown to everybody tells nothing.
    let shown = status(Some(request()), &EnteredCode::parse(SHORT)).await;
    assert!(matches!(shown, Err(FindRequestError::InvalidCode)));
    let unknown = status(None, &own).await;
    assert!(matches!(unknown, Err(FindRequestError::InvalidCode)));
}

#[tokio::test]
async fn asking_is_not_counted_and_guessing_is() {
    let own = EnteredCode::parse(long().reveal());
    let (right, _) = requests(finding(Some(request()), RequestsFrom::Anywhere));
    for _ in 0..100 {
        assert!(right.status(&caller(None), &own).await.is_ok());
    }
    let (wrong, _) = requests(finding(None, RequestsFrom::Anywhere));
    for _ in 0..10 {
        let asked = wrong.status(&caller(None), &own).await;
        assert!(matches!(asked, Err(FindRequestError::InvalidCode)));
    }
    let eleventh = wrong.status(&caller(None), &own).await;
    assert!(matches!(eleventh, Err(FindRequestError::Throttled(_))));
}

#[tokio::test]
async fn whoever_guesses_beside_a_place_does_not_keep_it_from_asking() {
    let own = EnteredCode::parse(long().reveal());
    let mut store = MockCodeRequestStore::new();
    store.expect_open().returning(|_| Ok(()));
    store.expect_find().returning(|_, digest| {
        let is_own = *digest == request().long;
        Ok(is_own.then(|| FoundRequest {
            request: request(),
            from: RequestsFrom::Anywhere,
        }))
    });
    let (requests, _) = requests(store);
    requests.status(&caller(None), &own).await.unwrap();
    let guess = EnteredCode::parse(&long().reveal().replace("cc_", "cc_A"));
    for _ in 0..20 {
        assert!(requests.status(&caller(None), &guess).await.is_err());
    }
    let guessed = requests.status(&caller(None), &guess).await;
    assert!(matches!(guessed, Err(FindRequestError::Throttled(_))));
    requests.status(&caller(None), &own).await.unwrap();
    // Nor does it keep anybody from looking up what a place shows.
    let shown = EnteredCode::parse(SHORT);
    let looked_up = requests
        .find(&caller(None), &session(&user(3)), &shown)
        .await;
    assert!(matches!(looked_up, Err(FindRequestError::InvalidCode)));
}

#[tokio::test]
async fn while_the_store_fails_who_asks_or_looks_is_not_counted() {
    let mut store = MockCodeRequestStore::new();
    store
        .expect_find()
        .times(40)
        .returning(|_, _| Err(StoreError::unavailable("away")));
    store.expect_find().returning(|_, _| {
        Ok(Some(FoundRequest {
            request: request(),
            from: RequestsFrom::Anywhere,
        }))
    });
    let (requests, _) = requests(store);
    let [own, shown] = [long().reveal(), SHORT].map(EnteredCode::parse);
    let session = session(&user(3));
    for _ in 0..20 {
        let asked = requests.status(&caller(None), &own).await;
        assert!(matches!(asked, Err(FindRequestError::Store(_))));
        let looked = requests.find(&caller(None), &session, &shown).await;
        assert!(matches!(looked, Err(FindRequestError::Store(_))));
    }
    requests.status(&caller(None), &own).await.unwrap();
    let looked = requests.find(&caller(None), &session, &shown).await;
    assert!(looked.is_ok());
}

#[test]
fn two_addresses_are_near_in_one_network() {
    for (one, other, expected) in [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ] {
        let [one, other] = [one, other].map(|text| text.parse().unwrap());
        assert_eq!(is_near(one, other), expected, "{one} {other}");
    }
}

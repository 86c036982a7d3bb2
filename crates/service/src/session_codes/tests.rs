use latchkey_domain::{
    authority::{Authority, Spendable},
    id::ApplicationId,
};

use super::*;
use crate::{
    events::Reason,
    ports::{
        proof_verifier::MockProofVerifier, session_store::MockSessionStore,
        store::AuthorityConflict,
    },
    testing::{Heard, NOW, application, caller, ceremonies, events, session, throttle, user},
};

const HERE: &str = "https://one.example";

fn codes(store: MockSessionStore) -> (SessionCodes, Arc<Heard>) {
    let (events, heard) = events();
    let codes = SessionCodes {
        ceremonies: Ceremonies {
            events,
            ..ceremonies(MockProofVerifier::new())
        },
        sessions: Arc::new(store),
        throttle: throttle(),
    };
    (codes, heard)
}

/// A store that uses everything up.
fn willing() -> MockSessionStore {
    let mut store = MockSessionStore::new();
    store.expect_exercise().returning(|_| Ok(()));
    store
}

fn verifier() -> CodeVerifier {
    CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap()
}

fn back(to: &str) -> GoBack {
    GoBack {
        to: ReturnTo::new(to).unwrap(),
        challenge: CodeChallenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap(),
        state: None,
    }
}

fn made_at(application: Option<ApplicationId>) -> Session {
    Session {
        application,
        ..session(&user(1))
    }
}

/// The code that was sent to [`HERE`].
async fn sent(codes: &SessionCodes) -> String {
    let session = made_at(Some(application("one", 1).id));
    let issued = codes
        .issue(&caller(Some(HERE)), &session, &back(HERE))
        .await;
    let address = issued.unwrap().address;
    address.split_once("?code=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_session_goes_to_a_page_of_the_application_it_was_made_at() {
    let (codes, heard) = codes(willing());
    for made_at_application in [None, Some(application("one", 1).id)] {
        let session = made_at(made_at_application);
        let back = back("https://one.example/back");
        let issued = codes.issue(&caller(Some(HERE)), &session, &back).await;
        let issued = issued.unwrap();
        assert!(issued.address.starts_with("https://one.example/back?code="));
        assert_eq!(issued.expires, NOW.plus(SessionCode::LIFETIME));
        let (_, code) = issued.address.split_once("code=").unwrap();
        let exchanged = codes.exchange(&caller(Some(HERE)), code, &verifier()).await;
        assert_eq!(exchanged.unwrap().session, session);
        let told = [
            (Event::IssueSessionCode, None),
            (Event::ExchangeSessionCode, None),
        ];
        assert_eq!(heard.take(), told);
    }
}

#[tokio::test]
async fn a_code_does_not_outlive_its_session() {
    let (codes, _) = codes(MockSessionStore::new());
    let session = Session {
        expires: NOW.plus(std::time::Duration::from_secs(1)),
        ..made_at(None)
    };
    let issued = codes
        .issue(&caller(Some(HERE)), &session, &back(HERE))
        .await;
    assert_eq!(issued.unwrap().expires, session.expires);
}

#[tokio::test]
async fn nobody_is_sent_to_an_origin_that_the_application_does_not_list() {
    let (codes, heard) = codes(MockSessionStore::new());
    let session = made_at(Some(application("one", 1).id));
    for to in [
        "https://evil.example",
        "https://one.example:8443",
        "https://sub.one.example",
        "https://one.example.evil.example",
        // Of the same organization, and of another one.
        "https://two.example",
        "https://other.example",
    ] {
        let issued = codes.issue(&caller(Some(HERE)), &session, &back(to)).await;
        assert!(
            matches!(issued, Err(IssueSessionCodeError::ReturnNotAllowed)),
            "{to}"
        );
        let refused = Some(Reason::ReturnNotAllowed);
        assert_eq!(heard.take(), [(Event::IssueSessionCode, refused)]);
    }
}

#[tokio::test]
async fn only_a_page_of_the_application_sends_somebody_back() {
    let (codes, _) = codes(MockSessionStore::new());
    let of_two = Some(application("two", 1).id);
    let back = back(HERE);
    for (origin, made_at_application) in [
        (None, None),
        (Some("https://evil.example"), None),
        (Some("https://other.example"), None),
        // The session was made at another application.
        (Some(HERE), of_two),
    ] {
        let session = made_at(made_at_application);
        let issued = codes.issue(&caller(origin), &session, &back).await;
        assert!(
            matches!(issued, Err(IssueSessionCodeError::OriginNotAllowed)),
            "{origin:?}"
        );
    }
}

#[tokio::test]
async fn a_code_is_good_where_it_was_sent_to_and_for_a_server() {
    for (origin, is_good) in [
        (Some(HERE), true),
        (None, true),
        (Some("https://two.example"), false),
        (Some("https://other.example"), false),
    ] {
        let (codes, _) = codes(willing());
        let code = sent(&codes).await;
        let exchanged = codes.exchange(&caller(origin), &code, &verifier()).await;
        if is_good {
            exchanged.unwrap();
        } else {
            let refused = exchanged.unwrap_err();
            assert!(matches!(refused, ExchangeSessionCodeError::InvalidCode));
        }
    }
    let (codes, _) = codes(MockSessionStore::new());
    let unlisted = caller(Some("https://evil.example"));
    let refused = codes.exchange(&unlisted, "x", &verifier()).await;
    assert!(matches!(
        refused,
        Err(ExchangeSessionCodeError::OriginNotAllowed)
    ));
}

#[tokio::test]
async fn whoever_has_the_address_alone_neither_uses_the_code_nor_spends_it() {
    // No store is asked.
    let (codes, heard) = codes(MockSessionStore::new());
    let code = sent(&codes).await;
    heard.take();
    let other = CodeVerifier::new("a".repeat(43)).unwrap();
    for (code, verifier) in [(code.as_str(), &other), ("rubbish", &verifier())] {
        let refused = codes.exchange(&caller(None), code, verifier).await;
        assert!(matches!(
            refused,
            Err(ExchangeSessionCodeError::InvalidCode)
        ));
        let refused = Some(Reason::InvalidCode);
        assert_eq!(heard.take(), [(Event::ExchangeSessionCode, refused)]);
    }
}

#[tokio::test]
async fn a_code_ends_with_its_session_and_with_its_use() {
    let of_its_session = |authority: &Authority| {
        authority.spends()[0].item == Spendable::SessionCode
            && authority
                .applications()
                .iter()
                .eq([&application("one", 1).id])
            && authority.session() == Some(&session(&user(1)).id)
            && authority.epoch() == user(1).epoch
    };
    let [ended, used] = [
        AuthorityConflict::Void,
        AuthorityConflict::Spent(Spendable::SessionCode),
    ]
    .map(|conflict| {
        let mut store = MockSessionStore::new();
        store
            .expect_exercise()
            .times(1)
            .withf(of_its_session)
            .returning(move |_| Err(conflict.into()));
        store
    });
    for store in [ended, used] {
        let (codes, _) = codes(store);
        let code = sent(&codes).await;
        let refused = codes.exchange(&caller(None), &code, &verifier()).await;
        assert!(matches!(
            refused,
            Err(ExchangeSessionCodeError::InvalidCode)
        ));
    }
}

#[tokio::test]
async fn what_is_no_code_of_ours_is_refused_and_never_counted() {
    let (codes, _) = codes(willing());
    let right = sent(&codes).await;
    let other = CodeVerifier::new("a".repeat(43)).unwrap();
    let own = verifier();
    // All of them from the address at which the right one is used then.
    for (code, verifier) in [("x", &own), (right.as_str(), &other)] {
        for _ in 0..100 {
            let wrong = codes.exchange(&caller(None), code, verifier).await;
            assert!(matches!(wrong, Err(ExchangeSessionCodeError::InvalidCode)));
        }
    }
    codes.exchange(&caller(None), &right, &own).await.unwrap();
    let address = caller(None).address;
    let of_credentials = crate::throttle::CodeTry {
        address,
        form: latchkey_domain::credential_code::CodeForm::Short,
        owner: crate::throttle::Owner::Credential(None),
    };
    assert!(codes.throttle.reserve_code(&of_credentials).is_ok());
}

#[tokio::test]
async fn one_code_asks_the_database_ten_times_a_minute_and_no_more() {
    let limit = latchkey_domain::policy::Limits::default().wrong_codes_per_address;
    let mut store = MockSessionStore::new();
    let times = usize::try_from(limit).unwrap();
    store
        .expect_exercise()
        .times(times)
        .returning(|_| Err(AuthorityConflict::Void.into()));
    let (codes, heard) = codes(store);
    let code = sent(&codes).await;
    for _ in 0..limit {
        let refused = codes.exchange(&caller(None), &code, &verifier()).await;
        assert!(matches!(
            refused,
            Err(ExchangeSessionCodeError::InvalidCode)
        ));
    }
    heard.take();
    let refused = codes.exchange(&caller(None), &code, &verifier()).await;
    assert!(matches!(
        refused,
        Err(ExchangeSessionCodeError::Throttled(_))
    ));
    let throttled = Some(Reason::Throttled);
    assert_eq!(heard.take(), [(Event::ExchangeSessionCode, throttled)]);
}

#[tokio::test]
async fn a_user_goes_back_sixty_times_a_minute() {
    let (codes, heard) = codes(MockSessionStore::new());
    let limit = latchkey_domain::policy::Limits::default().user_actions_per_user;
    let elsewhere = back("https://evil.example");
    let back = back(HERE);
    let session = made_at(None);
    for _ in 0..limit {
        // What is refused is not counted.
        let refused = codes.issue(&caller(Some(HERE)), &session, &elsewhere).await;
        assert!(matches!(
            refused,
            Err(IssueSessionCodeError::ReturnNotAllowed)
        ));
        let issued = codes.issue(&caller(Some(HERE)), &session, &back).await;
        assert!(issued.is_ok());
    }
    heard.take();
    let refused = codes.issue(&caller(Some(HERE)), &session, &back).await;
    assert!(matches!(refused, Err(IssueSessionCodeError::Throttled(_))));
    let throttled = Some(Reason::Throttled);
    assert_eq!(heard.take(), [(Event::IssueSessionCode, throttled)]);
    let other = Session {
        user: user(2).id,
        ..made_at(None)
    };
    let issued = codes.issue(&caller(Some(HERE)), &other, &back).await;
    assert!(issued.is_ok());
}

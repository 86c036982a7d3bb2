use std::collections::HashSet;

use super::*;
use crate::{
    login::BeginLoginError,
    ports::{session_store::MockSessionStore, store::StoreError},
    sessions::Sessions,
    testing::{KeptTokens, caller, clock, events, organization, session, user, uuid},
    throttle::Throttled,
};

#[test]
fn a_name_is_one_events_or_one_reasons_and_in_snake_case() {
    let events = Event::ALL.iter().map(|event| event.as_str());
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
    for names in [events.collect::<Vec<_>>(), reasons.collect()] {
        let distinct: HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for name in names {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(name.bytes().all(is_plain), "{name}");
        }
    }
}

#[test]
fn every_event_and_every_reason_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    let tables = reference();
    assert!(
        text.contains(&tables),
        "docs/operating.md must say:\n\n{tables}"
    );
}

#[test]
fn an_outcome_is_told_once_and_given_as_it_is() {
    let (events, heard) = events();
    let facts = Facts::default();
    let done = events.tell::<_, StoreError>(Event::SignIn, &facts, Ok(7));
    assert_eq!(done.unwrap(), 7);
    let throttled = Throttled {
        retry_after: std::time::Duration::from_secs(1),
    };
    let refused = events.tell::<(), _>(Event::MailCode, &facts, Err(throttled));
    assert_eq!(refused, Err(throttled));
    let expected = [
        (Event::SignIn, None),
        (Event::MailCode, Some(Reason::Throttled)),
    ];
    assert_eq!(heard.take(), expected);
}

#[test]
fn a_reason_that_is_known_exactly_takes_the_place_of_the_one_that_strangers_are_told() {
    let (events, heard) = events();
    let mut facts = Facts::default();
    facts.note_found(None);
    let mut inactive = user(1);
    inactive.is_active = false;
    let mut of_inactive = Facts::default();
    of_inactive.note_found(Some(&inactive));
    for (facts, error, reason) in [
        (
            &facts,
            BeginLoginError::NoUsableCredential,
            Reason::UnknownUser,
        ),
        (
            &of_inactive,
            BeginLoginError::NoUsableCredential,
            Reason::UserInactive,
        ),
        (
            &facts,
            StoreError::new("a defect").into(),
            Reason::StoreFailed,
        ),
    ] {
        let refused = events.tell::<(), _>(Event::BeginSignIn, facts, Err(error));
        assert!(refused.is_err());
        assert_eq!(heard.take(), [(Event::BeginSignIn, Some(reason))]);
    }
    let begun = events.tell::<_, BeginLoginError>(Event::BeginSignIn, &facts, Ok(()));
    assert!(begun.is_ok());
    assert_eq!(heard.take(), [(Event::BeginSignIn, None)]);
}

#[test]
fn an_outcome_has_one_of_three_names() {
    let outcomes: HashSet<_> = Reason::ALL
        .iter()
        .map(|reason| Reason::outcome(Some(*reason)))
        .collect();
    assert_eq!(outcomes, HashSet::from(["refused", "failed"]));
    assert_eq!(Reason::outcome(None), "succeeded");
}

#[test]
fn what_is_noted_of_a_session_is_whose_it_is_and_from_where_it_is_used() {
    let here = caller(None);
    let session = session(&user(1));
    let facts = Facts::from((&here, &session));
    assert_eq!(facts.address, Some(here.address));
    assert_eq!(facts.organization, Some(organization(1)));
    assert_eq!(facts.user, Some(user(1).id));
    assert_eq!(facts.by_credential, Some(session.credential));
    let facts = facts.with_credential(&uuid(9));
    assert_eq!(facts.credential, Some(uuid(9)));
}

#[tokio::test]
async fn signing_out_is_told_whether_it_works_or_not() {
    for (ended, reason) in [
        (Ok(()), None),
        (
            Err(StoreError::new("a defect").into()),
            Some(Reason::StoreFailed),
        ),
    ] {
        let mut store = MockSessionStore::new();
        store.expect_exercise().return_once(move |_| ended);
        let (events, heard) = events();
        let sessions = Sessions {
            clock: clock(),
            tokens: Arc::new(KeptTokens::default()),
            store: Arc::new(store),
            events,
        };
        let ended = sessions.end(&caller(None), &session(&user(1))).await;
        assert_eq!(ended.is_ok(), reason.is_none());
        assert_eq!(heard.take(), [(Event::SignOut, reason)]);
    }
}

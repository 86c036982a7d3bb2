use latchkey_domain::{
    account_code::NewAccountCode, credential_code::CodeDigest, message::MessageKind, page::PageSize,
};

use super::*;
use crate::{
    ports::{
        code_digester::MockCodeDigester,
        proof_verifier::MockProofVerifier,
        user_store::{Invitation, MockUserStore},
    },
    testing::{NOW, ceremonies, messages, session, signed_request, told, user},
};

fn users(store: MockUserStore) -> Users {
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .returning(|_| CodeDigest::new([3; 32]));
    Users {
        ceremonies: ceremonies(MockProofVerifier::new()),
        digester: Arc::new(digester),
        store: Arc::new(store),
    }
}

fn page() -> UserPage {
    UserPage {
        size: PageSize::default(),
        after: None,
        kind: None,
        search: None,
    }
}

fn new() -> CreateUser {
    CreateUser {
        username: Username::new("Bob@Example.com").unwrap(),
        external_id: Some(ExternalId::new("7").unwrap()),
    }
}

fn entry() -> UserEntry {
    UserEntry {
        user: user(5),
        credential: None,
    }
}

const CHANGES: [UserChange; 4] = [
    UserChange::Nothing,
    UserChange::Activate,
    UserChange::Deactivate,
    UserChange::Delete,
];

#[tokio::test]
async fn whoever_is_signed_in_reads_in_the_own_organization() {
    let ada = user(1);
    let expected = Reader {
        organization: ada.organization.clone(),
        administrator: ada.id.clone(),
    };
    let mut store = MockUserStore::new();
    let reader = expected.clone();
    store
        .expect_list()
        .withf(move |by, asked| *by == reader && *asked == page())
        .returning(|_, _| {
            Ok(UserList {
                users: vec![entry()],
                next: None,
            })
        });
    store
        .expect_find()
        .withf(move |by, user| *by == expected && *user == entry().user.id)
        .returning(|_, _| Ok(Some(entry())));
    let users = users(store);
    let session = session(&ada);
    assert_eq!(
        users.list(&session, &page()).await.unwrap().users,
        [entry()]
    );
    assert_eq!(
        users.find(&session, &user(5).id).await.unwrap(),
        Some(entry())
    );
}

#[tokio::test]
async fn a_new_user_is_an_employee_and_is_told_the_code() {
    let ada = user(1);
    let request = signed_request(&ada);
    let authority = request.authority();
    let mut store = MockUserStore::new();
    store
        .expect_create()
        .withf(move |by, new| {
            let Invitation {
                user,
                code: NewAccountCode { code, digest },
                message: Some(message),
            } = new
            else {
                return false;
            };
            let said = told(message);
            *by == authority
                && user.organization == ada.organization
                && user.username.as_str() == "Bob@Example.com"
                && user.kind == UserKind::CustomerEmployee
                && user
                    .external_id
                    .as_ref()
                    .is_some_and(|id| id.as_str() == "7")
                && user.is_active
                && !user.is_administrator
                && user.registered.is_none()
                && code.user == user.id
                && *digest == CodeDigest::new([3; 32])
                && message.kind == MessageKind::Registration
                && message.user == user.id
                && message.expires == code.expires
                && said.text.contains("rc_")
        })
        .returning(|_, new| {
            Ok(UserEntry {
                user: new.user,
                credential: None,
            })
        });
    let made = users(store).create(&request, new()).await.unwrap();
    assert_eq!(made.user.username.as_str(), "Bob@Example.com");
}

#[tokio::test]
async fn the_asked_change_is_made_under_the_own_authority() {
    let ada = user(1);
    for change in CHANGES {
        let request = signed_request(&ada);
        let mut authority = request.authority();
        if change == UserChange::Activate {
            let user = &entry().user.id;
            let message = messages().account_activated(user, &ada.organization, BY_ADMINISTRATOR);
            authority = authority.telling(message);
        }
        let mut store = MockUserStore::new();
        store
            .expect_change()
            .withf(move |by, user, asked| {
                *by == authority && *user == entry().user.id && *asked == change
            })
            .returning(|_, _, _| Ok(entry()));
        let changed = users(store)
            .change(&request, &entry().user.id, change)
            .await;
        assert_eq!(changed.unwrap(), entry());
    }
}

/// What somebody tricked a user into is not to take the account away.
#[tokio::test]
async fn nobody_takes_their_own_account_away_with_what_is_fresh() {
    let ada = user(1);
    for change in CHANGES {
        let request = signed_request(&ada);
        let takes_away = matches!(change, UserChange::Deactivate | UserChange::Delete);
        let settled_at = takes_away.then_some(NOW);
        let mut store = MockUserStore::new();
        store
            .expect_change()
            .withf(move |by, _, _| by.settled_at() == settled_at)
            .returning(|_, _, _| Ok(entry()));
        let changed = users(store).change(&request, &ada.id, change).await;
        changed.unwrap();
    }
}

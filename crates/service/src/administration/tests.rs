use latchkey_domain::{
    account_code::AccountCode, credential_code::CodeDigest, id::CredentialCodeId,
    message::MessageKind, time::Timestamp,
};

use super::*;
use crate::{
    ports::{
        account_code_store::MockAccountCodeStore, account_store::MockAccountStore,
        administration_store::MockAdministrationStore, code_digester::MockCodeDigester,
        credential_code_store::MockCredentialCodeStore, proof_verifier::MockProofVerifier,
    },
    testing::{
        NOW, account, account_code, ceremonies, key, left_events, organization, session, told,
        user, uuid,
    },
};

/// Administration of an installation where user 1 has one key.
fn administration(
    store: MockAdministrationStore,
    codes: MockCredentialCodeStore,
) -> Administration {
    let mut account_codes = MockAccountCodeStore::new();
    account_codes.expect_list().returning(|_| Ok(vec![]));
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .returning(|_| CodeDigest::new([3; 32]));
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find()
        .returning(|id| Ok((*id == user(1).id).then(|| account(1, vec![key()]))));
    Administration {
        ceremonies: ceremonies(MockProofVerifier::new()),
        digester: Arc::new(digester),
        store: Arc::new(store),
        accounts: Arc::new(accounts),
        codes: Arc::new(codes),
        account_codes: Arc::new(account_codes),
        events: left_events(),
    }
}

#[tokio::test]
async fn an_invitation_has_a_link_where_there_is_a_page() {
    for (number, page) in [(1, Some("https://one.example")), (3, None)] {
        let mut store = MockAdministrationStore::new();
        store
            .expect_invite()
            .times(1)
            .returning(|invitation| Ok(invitation.user));
        let request = Invite {
            organization: organization(number),
            username: Username::new("ada@example.com").unwrap(),
            kind: UserKind::EndUser,
            administrator: false,
            by_mail: false,
        };
        let administration = administration(store, MockCredentialCodeStore::new());
        let invited = administration.invite(request).await.unwrap();
        let link = page.map(|page| {
            format!(
                "{page}/register#code={}&username=ada%40example.com&orgId={}",
                invited.code.reveal(),
                organization(number)
            )
        });
        assert_eq!(invited.link, link);
    }
}

#[tokio::test]
async fn whose_credential_is_deactivated_is_told_by_whom() {
    let mut store = MockAdministrationStore::new();
    store
        .expect_deactivate_credential()
        .times(1)
        .withf(|owner, credential, message| {
            let content = told(message);
            *owner == user(1).id
                && *credential == uuid(1)
                && message.kind == MessageKind::CredentialDeactivated
                && message.user == user(1).id
                && content.text.contains("whoever runs this service")
        })
        .returning(|_, _, _| Ok(true));
    let administration = administration(store, MockCredentialCodeStore::new());
    let deactivate = async |owner, credential| {
        administration
            .deactivate_credential(&user(owner).id, &uuid(credential))
            .await
    };
    assert_eq!(deactivate(1, 1).await.unwrap(), Effect::Changed);
    // Nobody has these.
    for (owner, credential) in [(1, 2), (2, 1)] {
        let refused = deactivate(owner, credential).await;
        assert!(matches!(refused, Err(ChangeError::NotFound)));
    }
}

#[tokio::test]
async fn a_user_is_shown_with_a_code_that_is_open() {
    let second = |number: i64| Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + number);
    for (expires, is_open) in [(second(1), true), (NOW, false)] {
        let id = CredentialCodeId::from_random(&[4; 32]);
        let code = CredentialCode::issue(id, &session(&user(1)), NOW, expires);
        let mut codes = MockCredentialCodeStore::new();
        let newest = code.clone();
        codes
            .expect_newest()
            .returning(move |_| Ok(Some(newest.clone())));
        let administration = administration(MockAdministrationStore::new(), codes);
        let shown = administration.show(&user(1).id).await.unwrap().unwrap();
        assert_eq!(shown.account, account(1, vec![key()]));
        assert_eq!(shown.code, is_open.then_some((code, CodeStatus::Issued)));
        assert_eq!(shown.can_register_until, None);
        assert_eq!(administration.show(&user(2).id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn until_when_a_user_can_register_is_shown() {
    let invited = User {
        registered: None,
        ..user(2)
    };
    let second = |number: i64| Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + number);
    let code = |kind, expires| account_code(invited.clone(), kind, expires).code;
    let of_another_epoch = AccountCode {
        epoch: invited.epoch.next(),
        ..code(AccountCodeKind::Registration, second(9))
    };
    let of_another_kind = code(AccountCodeKind::Login, second(9));
    let expired = code(AccountCodeKind::Registration, NOW);
    for (live, until) in [
        (vec![], None),
        (vec![second(1), second(3), second(2)], Some(second(3))),
    ] {
        let live = live.into_iter();
        let live = live.map(|expires| code(AccountCodeKind::Registration, expires));
        let mut codes: Vec<_> = live.collect();
        codes.extend([&of_another_epoch, &of_another_kind, &expired].map(AccountCode::clone));
        let mut account_codes = MockAccountCodeStore::new();
        account_codes
            .expect_list()
            .returning(move |_| Ok(codes.clone()));
        let account = Account {
            user: invited.clone(),
            credentials: vec![],
        };
        let mut accounts = MockAccountStore::new();
        accounts
            .expect_find()
            .returning(move |_| Ok(Some(account.clone())));
        let mut newest = MockCredentialCodeStore::new();
        newest.expect_newest().returning(|_| Ok(None));
        let administration = Administration {
            accounts: Arc::new(accounts),
            account_codes: Arc::new(account_codes),
            ..administration(MockAdministrationStore::new(), newest)
        };
        let shown = administration.show(&invited.id).await.unwrap().unwrap();
        assert_eq!(shown.can_register_until, until);
    }
}

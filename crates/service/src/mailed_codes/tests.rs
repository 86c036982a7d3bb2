use std::{
    future::{pending, ready},
    sync::Mutex,
    time::Duration,
};

use latchkey_domain::{
    credential::{CredentialState, Material, key::EncryptedPrivateKey},
    credential_code::CodeDigest,
    message::{MessageKind, NewMessage},
    policy::Lifetimes,
};
use tokio::time::timeout;

use super::*;
use crate::{
    ports::{
        account_code_store::MockAccountCodeStore,
        account_store::{Account, MockAccountStore},
        code_digester::MockCodeDigester,
        proof_verifier::MockProofVerifier,
    },
    testing::{
        NOW, account, caller, ceremonies, key, organization, recovery_key, throttle, told, user,
    },
};

/// What was issued: the messages that bring it.
type Issued = Arc<Mutex<Vec<NewMessage>>>;

/// Codes for one account that is found by every name.
fn codes_of(account: Option<Account>) -> (MailedCodes, Issued) {
    let issued = Issued::default();
    let ceremonies = ceremonies(MockProofVerifier::new());
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .return_const(CodeDigest::new([5; 32]));
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find_by_username()
        .returning(move |_, _| Ok(account.clone()));
    let mut codes = MockAccountCodeStore::new();
    let keep = Arc::clone(&issued);
    codes.expect_issue().returning(move |new, message| {
        let lifetime = new.code.kind.lifetime(&Lifetimes::default());
        assert_eq!(new.code.expires, NOW.plus(lifetime));
        keep.lock().unwrap().push(message);
        Ok(true)
    });
    let mailed = MailedCodes {
        ceremonies,
        throttle: throttle(),
        digester: Arc::new(digester),
        accounts: Arc::new(accounts),
        codes: Arc::new(codes),
        queue: Queue::default(),
    };
    (mailed, issued)
}

fn wanting(kind: AccountCodeKind) -> MailCode {
    MailCode {
        kind,
        organization: Some(organization(1)),
        username: user(1).username,
    }
}

/// The kinds of messages that come of it when every kind of code is wanted for that account.
async fn mailed_to(account: Option<Account>) -> Vec<MessageKind> {
    let (mailed, issued) = codes_of(account);
    for (number, kind) in [
        AccountCodeKind::Registration,
        AccountCodeKind::Login,
        AccountCodeKind::Recovery,
    ]
    .into_iter()
    .enumerate()
    {
        // Each with another name, so that no limit is met.
        let wanted = MailCode {
            username: Username::new(format!("name{number}")).unwrap(),
            ..wanting(kind)
        };
        mailed.ask(&caller(None), wanted).await.unwrap();
    }
    mailed.run(ready(())).await;
    let issued = issued.lock().unwrap();
    issued.iter().map(|message| message.kind).collect()
}

fn protected_key() -> Material {
    let Material::Key(pair) = key() else {
        panic!("not a key");
    };
    Material::PasswordProtectedKey(pair, EncryptedPrivateKey::new("encrypted").unwrap())
}

#[tokio::test]
async fn only_who_can_use_a_code_is_mailed_one() {
    let mut unregistered = account(1, vec![]);
    unregistered.user.registered = None;
    let mut gone = account(1, vec![protected_key(), recovery_key()]);
    gone.user.is_active = false;
    let mut unusable = account(1, vec![protected_key(), recovery_key()]);
    for credential in &mut unusable.credentials {
        credential.state = CredentialState::Inactive;
    }
    assert_eq!(mailed_to(None).await, []);
    assert_eq!(mailed_to(Some(account(1, vec![key()]))).await, []);
    assert_eq!(mailed_to(Some(gone)).await, []);
    assert_eq!(mailed_to(Some(unusable)).await, []);
    assert_eq!(
        mailed_to(Some(unregistered)).await,
        [MessageKind::Registration]
    );
    assert_eq!(
        mailed_to(Some(account(1, vec![protected_key()]))).await,
        [MessageKind::LoginCode]
    );
    assert_eq!(
        mailed_to(Some(account(1, vec![recovery_key()]))).await,
        [MessageKind::RecoveryCode]
    );
}

#[tokio::test]
async fn a_mailed_code_has_the_short_form_and_what_waits_is_worked_off() {
    let (mailed, issued) = codes_of(Some(account(1, vec![recovery_key()])));
    let wanted = wanting(AccountCodeKind::Recovery);
    mailed.ask(&caller(None), wanted).await.unwrap();
    mailed.run(ready(())).await;
    let text = told(&issued.lock().unwrap()[0]).text.clone();
    let has_code = text
        .lines()
        .map(str::trim)
        .any(|line| line.len() == 11 && line.split('-').all(|group| group.len() == 3));
    assert!(has_code, "{text}");
}

#[tokio::test(start_paused = true)]
async fn who_works_may_stop_begin_again_and_have_others_beside() {
    let (mailed, issued) = codes_of(Some(account(1, vec![recovery_key()])));
    let ask = async || {
        let wanted = wanting(AccountCodeKind::Recovery);
        mailed.ask(&caller(None), wanted).await.unwrap();
    };
    mailed.run(ready(())).await;
    ask().await;
    mailed.run(ready(())).await;
    assert_eq!(issued.lock().unwrap().len(), 1);

    let beside = async {
        timeout(Duration::from_secs(1), mailed.run(ready(())))
            .await
            .unwrap();
        ask().await;
    };
    let (long, ()) = tokio::join!(
        timeout(Duration::from_secs(2), mailed.run(pending())),
        beside
    );
    assert!(long.is_err());
    assert_eq!(issued.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_store_that_is_not_available_does_not_hold_up_the_end() {
    let (mailed, _issued) = codes_of(None);
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find_by_username()
        .times(1)
        .returning(|_, _| Err(StoreError::unavailable("it is away")));
    let mailed = MailedCodes {
        accounts: Arc::new(accounts),
        ..mailed
    };
    for kind in [AccountCodeKind::Login, AccountCodeKind::Recovery] {
        mailed.ask(&caller(None), wanting(kind)).await.unwrap();
    }
    mailed.run(ready(())).await;
}

#[tokio::test]
async fn a_page_of_another_organization_is_answered_and_nothing_is_mailed() {
    let (mailed, issued) = codes_of(Some(account(1, vec![recovery_key()])));
    let wanted = || wanting(AccountCodeKind::Recovery);
    let page = caller(Some("https://other.example"));
    mailed.ask(&page, wanted()).await.unwrap();
    let page = caller(Some("https://evil.example"));
    let refused = mailed.ask(&page, wanted()).await;
    assert!(matches!(refused, Err(MailCodeError::OriginNotAllowed)));
    mailed.run(ready(())).await;
    assert!(issued.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_third_code_of_a_minute_is_not_mailed_and_nobody_is_told() {
    let (mailed, issued) = codes_of(Some(account(1, vec![recovery_key()])));
    for _ in 0..3 {
        let wanted = wanting(AccountCodeKind::Recovery);
        mailed.ask(&caller(None), wanted).await.unwrap();
    }
    mailed.run(ready(())).await;
    assert_eq!(issued.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn which_organization_must_be_told() {
    let (mailed, _issued) = codes_of(None);
    let wanted = MailCode {
        organization: None,
        ..wanting(AccountCodeKind::Login)
    };
    let refused = mailed.ask(&caller(None), wanted).await;
    assert!(matches!(
        refused,
        Err(MailCodeError::OrganizationRequired(_))
    ));
}

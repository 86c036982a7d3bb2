use std::{
    future::{pending, ready},
    net::{Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicBool, Ordering},
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
        mailer::{Delivery, DeliveryError, Mail, MockMailer},
        proof_verifier::MockProofVerifier,
    },
    testing::{
        NOW, account, caller, ceremonies, key, organization, recovery_key, throttle, told, user,
    },
};

/// What was issued: the messages that bring it.
type Issued = Arc<Mutex<Vec<NewMessage>>>;

/// A mailer whose messages reach others, and the user of these tests or not.
fn mailer(reaches: bool) -> Arc<dyn Mailer> {
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(true);
    mailer
        .expect_reaches()
        .returning(move |name| reaches || *name != user(1).username);
    Arc::new(mailer)
}

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
        mailer: mailer(true),
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
    for kind in AccountCodeKind::ALL {
        mailed.ask(&caller(None), wanting(*kind)).await.unwrap();
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

/// Codes of a store that gives these answers to look-ups, one after the other, and how often it was asked.
fn codes_of_answers(
    mut answers: impl FnMut(usize, &Username) -> Result<Option<Account>, StoreError> + Send + 'static,
) -> (MailedCodes, Issued, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find_by_username()
        .returning(move |_, username| {
            let mut count = count.lock().unwrap();
            *count += 1;
            answers(*count, username)
        });
    let (mailed, issued) = codes_of(None);
    let mailed = MailedCodes {
        accounts: Arc::new(accounts),
        ..mailed
    };
    (mailed, issued, asked)
}

fn away() -> StoreError {
    StoreError::unavailable("it is away")
}

#[tokio::test(start_paused = true)]
async fn a_code_is_mailed_when_the_store_is_back_and_it_is_not_asked_all_the_time() {
    let (mailed, issued, asked) = codes_of_answers(|count, _| match count {
        ..4 => Err(away()),
        _ => Ok(Some(account(1, vec![recovery_key()]))),
    });
    let wanted = wanting(AccountCodeKind::Recovery);
    mailed.ask(&caller(None), wanted).await.unwrap();
    mailed.run(sleep(PAUSE * 5 / 2)).await;
    // The end, too, is a try.
    assert_eq!(
        (issued.lock().unwrap().len(), *asked.lock().unwrap()),
        (1, 4)
    );
    mailed.run(sleep(PAUSE * 3)).await;
    assert_eq!(*asked.lock().unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_a_code_is_tried_for_ten_minutes_or_as_long_as_it_would_live() {
    for kind in AccountCodeKind::ALL {
        let (mailed, _issued, asked) = codes_of_answers(|_, _| Err(away()));
        mailed.ask(&caller(None), wanting(*kind)).await.unwrap();
        let lifetime = kind.lifetime(&Lifetimes::default()).min(PATIENCE);
        mailed
            .run(sleep(lifetime.saturating_sub(Duration::from_secs(1))))
            .await;
        let tries = lifetime.as_secs() / PAUSE.as_secs();
        // The end, too, is a try.
        assert_eq!(*asked.lock().unwrap(), usize::try_from(tries).unwrap() + 1);
        assert_eq!(mailed.queue.len(), 1);
        sleep(Duration::from_secs(1)).await;
        mailed.run(sleep(PAUSE * 3)).await;
        assert_eq!(*asked.lock().unwrap(), usize::try_from(tries).unwrap() + 1);
        assert!(mailed.queue.waiting().shares.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_again_and_again_holds_up_no_other() {
    let (mailed, issued, asked) = codes_of_answers(|_, username| {
        if *username == user(1).username {
            Err(away())
        } else {
            Ok(Some(account(2, vec![recovery_key()])))
        }
    });
    for number in [1, 2, 1, 2] {
        let wanted = MailCode {
            username: user(number).username,
            ..wanting(AccountCodeKind::Recovery)
        };
        mailed.ask(&caller(None), wanted).await.unwrap();
    }
    mailed.run(sleep(PAUSE * 2)).await;
    assert_eq!(issued.lock().unwrap().len(), 2);
    // The other one: at once, after a pause, and at the end.
    assert_eq!(*asked.lock().unwrap(), 2 + 3);
    assert_eq!(mailed.queue.len(), 2);
}

#[tokio::test]
async fn what_is_tried_again_finds_room_however_many_have_come_meanwhile() {
    let (mailed, _issued) = codes_of(None);
    let fill = async |from: u32| {
        for number in 0..1_030 {
            let asking = Caller {
                address: IpAddr::V4(Ipv4Addr::from(from + number)),
                ..caller(None)
            };
            let wanted = wanting(AccountCodeKind::Login);
            mailed.ask(&asking, wanted).await.unwrap();
        }
    };
    fill(0).await;
    assert_eq!(mailed.queue.len(), WAITING);
    // Each time one is taken another one comes, and then the first is put back.
    for from in 1..4 {
        let taken = mailed.queue.take().unwrap();
        fill(from * 10_000).await;
        mailed.queue.put_back(taken);
        assert_eq!(mailed.queue.len(), WAITING + 1);
    }
}

/// A mailer that panics when it is asked for the first time whom it reaches.
#[derive(Default)]
struct Broken(AtomicBool);

#[async_trait::async_trait]
impl Mailer for Broken {
    fn reaches(&self, _user: &Username) -> bool {
        assert!(self.0.swap(true, Ordering::Relaxed), "a defect");
        true
    }

    async fn send(&self, _mail: Mail) -> Result<Delivery, DeliveryError> {
        panic!("nothing is sent here")
    }
}

#[tokio::test]
async fn a_panic_over_one_request_ends_the_work_on_no_other() {
    let mut invited = account(1, vec![]);
    invited.user.registered = None;
    let (mailed, issued) = codes_of(Some(invited));
    let mailed = MailedCodes {
        mailer: Arc::new(Broken::default()),
        ..mailed
    };
    for _ in 0..3 {
        let wanted = wanting(AccountCodeKind::Registration);
        mailed.ask(&caller(None), wanted).await.unwrap();
    }
    mailed.run(ready(())).await;
    assert_eq!(issued.lock().unwrap().len(), 2);
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
async fn the_fourth_code_of_a_kind_in_ten_minutes_is_not_mailed_and_nobody_is_told() {
    let account = account(1, vec![recovery_key(), protected_key()]);
    let (mailed, issued) = codes_of(Some(account));
    for kind in [AccountCodeKind::Recovery, AccountCodeKind::Login] {
        for _ in 0..4 {
            mailed.ask(&caller(None), wanting(kind)).await.unwrap();
        }
    }
    mailed.run(ready(())).await;
    let issued = issued.lock().unwrap();
    let kinds: Vec<_> = issued.iter().map(|message| message.kind).collect();
    let (recovery, login) = (MessageKind::RecoveryCode, MessageKind::LoginCode);
    assert_eq!(kinds, [recovery, recovery, recovery, login, login, login]);
}

/// Codes of a store that gives this answer to every ask, and how often it was asked.
async fn asked_of_store(answer: fn() -> Result<bool, StoreError>) -> usize {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let mut codes = MockAccountCodeStore::new();
    codes.expect_issue().returning(move |_, _| {
        *count.lock().unwrap() += 1;
        answer()
    });
    let (mailed, _issued) = codes_of(Some(account(1, vec![recovery_key()])));
    let mailed = MailedCodes {
        codes: Arc::new(codes),
        ..mailed
    };
    for _ in 0..20 {
        let wanted = wanting(AccountCodeKind::Recovery);
        mailed.ask(&caller(None), wanted).await.unwrap();
    }
    mailed.run(ready(())).await;
    let asked = asked.lock().unwrap();
    *asked
}

#[tokio::test]
async fn only_what_was_mailed_counts() {
    assert_eq!(asked_of_store(|| Ok(false)).await, 20);
    assert_eq!(asked_of_store(|| Err(StoreError::new("no disk"))).await, 20);
    assert_eq!(asked_of_store(|| Ok(true)).await, 3);
}

#[tokio::test]
async fn whom_no_mail_reaches_is_given_no_other_registration_code() {
    let mut invited = account(1, vec![recovery_key(), protected_key()]);
    invited.user.registered = None;
    for (reaches, expected) in [(true, 3), (false, 2)] {
        let (mailed, issued) = codes_of(Some(invited.clone()));
        let mailed = MailedCodes {
            mailer: mailer(reaches),
            ..mailed
        };
        for kind in AccountCodeKind::ALL {
            mailed.ask(&caller(None), wanting(*kind)).await.unwrap();
        }
        mailed.run(ready(())).await;
        let issued = issued.lock().unwrap();
        let is_invitation = |one: &NewMessage| one.kind == MessageKind::Registration;
        assert_eq!(issued.len(), expected);
        assert_eq!(issued.iter().any(is_invitation), reaches);
    }
}

#[tokio::test]
async fn beyond_a_thousand_and_twenty_four_requests_none_is_taken() {
    let looked_up = Arc::new(Mutex::new(0));
    let count = Arc::clone(&looked_up);
    let mut accounts = MockAccountStore::new();
    accounts.expect_find_by_username().returning(move |_, _| {
        *count.lock().unwrap() += 1;
        Ok(None)
    });
    let (mailed, _issued) = codes_of(None);
    let mailed = MailedCodes {
        accounts: Arc::new(accounts),
        ..mailed
    };
    let narrow: fn(u32) -> IpAddr = |number| IpAddr::V4(Ipv4Addr::from(number));
    let wide: fn(u32) -> IpAddr = |number| {
        let network = u128::from(number) << 64;
        IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | network))
    };
    // From many addresses, from one, and from those that one may have of IPv6: all of a /56, and of a /48.
    let cases = [
        (narrow, 1_030, 1_024),
        (narrow, 1, 64),
        (wide, 256, 192),
        (wide, 1_030, 384),
        (narrow, 1_030, 1_024),
    ];
    for (address, addresses, expected) in cases {
        for number in 0..1_030 {
            let asking = Caller {
                address: address(number % addresses),
                ..caller(None)
            };
            let wanted = wanting(AccountCodeKind::Login);
            mailed.ask(&asking, wanted).await.unwrap();
        }
        mailed.run(ready(())).await;
        let looked_up = std::mem::take(&mut *looked_up.lock().unwrap());
        assert_eq!(looked_up, expected);
        assert!(mailed.queue.waiting().shares.is_empty());
    }
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

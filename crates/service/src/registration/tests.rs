use latchkey_domain::{
    challenge::purpose::Purpose,
    credential::{key::EncryptedPrivateKey, passkey::Transports},
    credential_code::CodeDigest,
    id::{AccountCodeId, CredentialUuid},
    policy::Limits,
    time::Timestamp,
};

use super::*;
use crate::{
    ceremony::SignedIn,
    events::Reason,
    ports::{
        account_code_store::{HeldAccountCode, MockAccountCodeStore},
        account_store::MockAccountStore,
        code_digester::MockCodeDigester,
        proof_verifier::{MockProofVerifier, Offered},
        registration_store::MockRegistrationStore,
    },
    testing::{
        NOW, account, account_code, caller, ceremonies, challenge, clock, events, key,
        organization, recovery_key, throttle, unnamed, user,
    },
};

fn registrations(codes: MockAccountCodeStore, store: MockRegistrationStore) -> Registrations {
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .return_const(CodeDigest::new([5; 32]));
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_verify_creation()
        .returning(|_, proof| match proof.offered {
            Offered::RecoveryKey(_) => Ok(recovery_key()),
            Offered::Fido2(_) | Offered::Key | Offered::PasswordProtectedKey(_) => Ok(key()),
        });
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find()
        .returning(|_| Ok(Some(account(3, vec![]))));
    Registrations {
        ceremonies: ceremonies(verifier),
        digester: Arc::new(digester),
        accounts: Arc::new(accounts),
        codes: Arc::new(codes),
        store: Arc::new(store),
        throttle: throttle(),
    }
}

fn held(expires: Timestamp) -> HeldAccountCode {
    let user = User {
        registered: None,
        ..user(3)
    };
    account_code(user, AccountCodeKind::Registration, expires)
}

fn later() -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(1))
}

async fn begin(
    held: Option<HeldAccountCode>,
) -> Result<RegistrationChallenge, BeginRegistrationError> {
    begin_within(throttle(), held).await
}

async fn begin_within(
    throttle: Arc<Throttle>,
    held: Option<HeldAccountCode>,
) -> Result<RegistrationChallenge, BeginRegistrationError> {
    let mut codes = MockAccountCodeStore::new();
    codes
        .expect_find()
        .times(1)
        .withf(|_, _, kind, _| *kind == AccountCodeKind::Registration)
        .returning(move |_, _, _, _| Ok(held.clone()));
    let request = BeginRegistration {
        organization: Some(organization(1)),
        username: Username::new("user3@example.com").unwrap(),
        code: EnteredCode::parse("rc_code"),
    };
    let registrations = Registrations {
        throttle,
        ..registrations(codes, MockRegistrationStore::new())
    };
    registrations
        .begin(&caller(Some("https://one.example")), request)
        .await
}

#[tokio::test]
async fn no_limit_but_that_of_an_address_blocks_registrations() {
    let limits = Limits {
        wrong_codes_per_installation: 1,
        wrong_codes_per_user: 1,
        ..Limits::default()
    };
    let throttle = Arc::new(Throttle::new(limits, clock()));
    for _ in 0..2 {
        let refused = begin_within(Arc::clone(&throttle), None).await;
        assert!(matches!(refused, Err(BeginRegistrationError::InvalidCode)));
    }
}

#[tokio::test]
async fn a_live_code_gives_a_challenge() {
    let begun = begin(Some(held(later()))).await.unwrap();
    assert!(matches!(
        begun.begun.challenge.purpose,
        Purpose::Registration(_)
    ));
    assert!(begun.begun.challenge.application.is_some());
}

#[tokio::test]
async fn a_code_that_was_right_once_is_told_apart_from_a_wrong_one() {
    assert!(matches!(
        begin(Some(held(NOW))).await,
        Err(BeginRegistrationError::Expired)
    ));
    assert!(matches!(
        begin(None).await,
        Err(BeginRegistrationError::InvalidCode)
    ));
}

#[tokio::test]
async fn neither_registered_nor_inactive_users_register_nor_with_a_code_of_another_epoch() {
    let mut registered = held(later());
    registered.user.registered = Some(NOW);
    let mut inactive = held(later());
    inactive.user.is_active = false;
    let mut of_another_epoch = held(later());
    of_another_epoch.user.epoch = of_another_epoch.user.epoch.next();
    for held in [registered, inactive, of_another_epoch] {
        let refused = begin(Some(held)).await;
        assert!(matches!(refused, Err(BeginRegistrationError::InvalidCode)));
    }
}

async fn complete(
    store: MockRegistrationStore,
    first: Offered,
    second: Option<Offered>,
    recovery: Option<Offered>,
) -> Result<Registered, NewCredentialError> {
    let registrations = registrations(MockAccountCodeStore::new(), store);
    let credentials = FirstCredentials {
        first: unnamed(first),
        second: second.map(unnamed),
        recovery: recovery.map(unnamed),
    };
    let request = with(&registrations, credentials);
    registrations.complete(&caller(None), request).await
}

/// What completes a registration of user 3 with these.
fn with(registrations: &Registrations, credentials: FirstCredentials) -> CompleteRegistration {
    let challenge = challenge(purpose::Registration {
        user: user(3).id,
        epoch: user(3).epoch,
        code: AccountCodeId::from_random(&[4; 32]),
    });
    let tokens = &registrations.ceremonies.tokens;
    CompleteRegistration {
        temporary_token: tokens.sign_challenge(&challenge),
        credentials,
    }
}

#[tokio::test]
async fn whoever_registers_is_signed_in_with_the_first_credential_where_that_is_asked_for() {
    let mut store = MockRegistrationStore::new();
    store.expect_register().times(2).returning(|_, _| Ok(()));
    let mut registrations = registrations(MockAccountCodeStore::new(), store);
    let (events, heard) = events();
    registrations.ceremonies.events = events;
    let credentials = || FirstCredentials {
        first: unnamed(Offered::Key),
        second: Some(unnamed(Offered::Key)),
        recovery: None,
    };
    let request = with(&registrations, credentials());
    let registered = registrations.complete(&caller(None), request).await;
    let registered = registered.unwrap();
    assert_eq!(registered.session, None);
    assert_eq!(registered.credential.last_used, None);
    assert_eq!(heard.take(), [(Event::Register, None)]);

    let request = with(&registrations, credentials());
    let here = caller(None);
    let signed_in = registrations.complete_and_sign_in(&here, request);
    let registered = signed_in.await.unwrap();
    assert_eq!(registered.credential.last_used, Some(NOW));
    let SignedIn { session, token } = registered.session.unwrap();
    assert_eq!(session.user, user(3).id);
    assert_eq!(session.epoch, user(3).epoch);
    assert_eq!(session.credential, registered.credential.uuid);
    let read = registrations.ceremonies.tokens.read_session(&token, NOW);
    assert_eq!(read.unwrap(), session);
    let succeeded = [Event::Register, Event::SignIn].map(|event| (event, None));
    assert_eq!(heard.take(), succeeded);
}

#[tokio::test]
async fn whoever_does_not_register_is_not_signed_in() {
    let mut store = MockRegistrationStore::new();
    store
        .expect_register()
        .returning(|_, _| Err(RegisterError::Lost));
    let mut registrations = registrations(MockAccountCodeStore::new(), store);
    let (events, heard) = events();
    registrations.ceremonies.events = events;
    let credentials = FirstCredentials {
        first: unnamed(Offered::Key),
        second: None,
        recovery: None,
    };
    let request = with(&registrations, credentials);
    let refused = registrations
        .complete_and_sign_in(&caller(None), request)
        .await;
    assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
    let told = [(Event::Register, Some(Reason::ChallengeInvalid))];
    assert_eq!(heard.take(), told);
}

#[tokio::test]
async fn all_credentials_are_made_at_once_with_default_names() {
    let mut store = MockRegistrationStore::new();
    store
        .expect_register()
        .times(1)
        .withf(|authority, registration| {
            let names: Vec<_> = registration
                .credentials
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            let mut uuids: Vec<&CredentialUuid> = registration
                .credentials
                .iter()
                .map(|one| &one.uuid)
                .collect();
            uuids.dedup();
            authority.spends().len() == 1
                && uuids.len() == 3
                && names
                    == [
                        "Default Credential",
                        "Second Credential",
                        "Recovery Credential",
                    ]
        })
        .returning(|_, _| Ok(()));
    let encrypted = EncryptedPrivateKey::new("secret").unwrap();
    let registered = complete(
        store,
        Offered::Fido2(Transports::default()),
        Some(Offered::PasswordProtectedKey(encrypted)),
        Some(Offered::RecoveryKey(None)),
    )
    .await
    .unwrap();
    assert_eq!(registered.credential.name.as_str(), "Default Credential");
    assert_eq!(registered.user.id, user(3).id);
}

#[tokio::test]
async fn a_recovery_key_is_for_recovery_only() {
    let kit = || Offered::RecoveryKey(None);
    for (first, second, recovery, place) in [
        (kit(), None, None, "firstFactorCredential"),
        (Offered::Key, Some(kit()), None, "secondFactorCredential"),
        (Offered::Key, None, Some(Offered::Key), "recoveryCredential"),
    ] {
        let refused = complete(MockRegistrationStore::new(), first, second, recovery).await;
        let Err(NewCredentialError::KindNotAllowed { member, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(member, place);
    }
}

#[tokio::test]
async fn a_code_that_was_used_or_replaced_registers_nobody() {
    let mut store = MockRegistrationStore::new();
    store
        .expect_register()
        .returning(|_, _| Err(RegisterError::Lost));
    let refused = complete(store, Offered::Key, None, None).await;
    assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
}

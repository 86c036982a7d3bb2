use std::time::Duration;

use latchkey_domain::{
    account_code::AccountCode,
    authority::Spend,
    challenge::purpose::Purpose,
    credential::{CredentialState, passkey::Transports},
    credential_code::CodeDigest,
    message::MessageKind,
    policy::Policy,
};

use super::*;
use crate::{
    ports::{
        account_code_store::MockAccountCodeStore,
        account_store::{Account, MockAccountStore},
        code_digester::MockCodeDigester,
        credential_store::CreateError,
        proof_verifier::{MockProofVerifier, Offered},
        recovery_store::MockRecoveryStore,
        store::AuthorityConflict,
    },
    testing::{
        NOW, account, account_code, application, caller, ceremonies, challenge, credential, key,
        organization, passkey, recovery_key, throttle, unnamed, user, uuid,
    },
};

const RECEIVED: &str = r#"{"firstFactorCredential":{}}"#;

/// A verifier that finds the proof of the recovery key true, and every proof of a new credential.
fn verifier() -> MockProofVerifier {
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_confirm_recovery()
        .withf(|credential, received, _| credential.uuid == uuid(2) && received == RECEIVED)
        .times(1)
        .returning(|_, _, _| Ok(()));
    verifier
        .expect_verify_creation()
        .returning(|_, proof| match proof.offered {
            Offered::RecoveryKey(_) => Ok(recovery_key()),
            Offered::Fido2(_) => Ok(passkey(&application("one", 1))),
            Offered::Key | Offered::PasswordProtectedKey(_) => Ok(key()),
        });
    verifier
}

fn recoveries(verifier: MockProofVerifier, store: MockRecoveryStore) -> Recoveries {
    of(
        Some(account(3, vec![key(), recovery_key()])),
        verifier,
        store,
    )
}

fn of(
    account: Option<Account>,
    verifier: MockProofVerifier,
    store: MockRecoveryStore,
) -> Recoveries {
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find()
        .returning(move |_| Ok(account.clone()));
    Recoveries {
        ceremonies: ceremonies(verifier),
        accounts: Arc::new(accounts),
        digester: Arc::new(MockCodeDigester::new()),
        codes: Arc::new(MockAccountCodeStore::new()),
        store: Arc::new(store),
        throttle: throttle(),
    }
}

fn purpose() -> purpose::Recovery {
    purpose::Recovery {
        user: user(3).id,
        epoch: user(3).epoch,
        credential: uuid(2),
    }
}

fn proof(credential: CredentialReference) -> RecoveryProof {
    RecoveryProof {
        credential,
        client_data: vec![],
        signature: vec![],
        algorithm: None,
    }
}

/// Completes a recovery that was begun for `purpose`, signed by the second credential of user 3.
async fn complete(
    recoveries: &Recoveries,
    purpose: impl Into<Purpose>,
) -> Result<Registered, RecoverError> {
    let id = CredentialId::new("credential-2=").unwrap();
    complete_by(recoveries, purpose, CredentialReference::Id(id)).await
}

async fn complete_by(
    recoveries: &Recoveries,
    purpose: impl Into<Purpose>,
    credential: CredentialReference,
) -> Result<Registered, RecoverError> {
    let request = CompleteRecovery {
        temporary_token: recoveries
            .ceremonies
            .tokens
            .sign_challenge(&challenge(purpose)),
        proof: proof(credential),
        received: RECEIVED.to_owned(),
        credentials: FirstCredentials {
            first: unnamed(Offered::Fido2(Transports::default())),
            second: Some(unnamed(Offered::Key)),
            recovery: Some(unnamed(Offered::RecoveryKey(None))),
        },
    };
    recoveries.complete(&caller(None), request).await
}

fn is_invalid_challenge(outcome: &Result<Registered, RecoverError>) -> bool {
    matches!(
        outcome,
        Err(RecoverError::NewCredential(
            NewCredentialError::InvalidChallenge
        ))
    )
}

#[tokio::test]
async fn new_credentials_are_made_under_the_authority_of_the_recovery_key() {
    let mut store = MockRecoveryStore::new();
    store
        .expect_recover()
        .times(1)
        .withf(|authority, credentials| {
            let names: Vec<_> = credentials.iter().map(|one| one.name.as_str()).collect();
            let made_by = MadeBy::Recovery {
                credential: uuid(2),
            };
            *authority.user() == user(3).id
                && authority.epoch() == user(3).epoch
                && authority.credentials().keys().eq(&[uuid(2)])
                && authority
                    .applications()
                    .iter()
                    .eq([&application("one", 1).id])
                && authority.spends() == [Spend::challenge(&challenge(purpose()))]
                && authority
                    .messages()
                    .iter()
                    .map(|one| one.kind)
                    .eq([MessageKind::AccountRecovered])
                && credentials
                    .iter()
                    .all(|one| one.user == user(3).id && one.provenance.made_by == made_by)
                && names
                    == [
                        "Default Credential",
                        "Second Credential",
                        "Recovery Credential",
                    ]
        })
        .returning(|_, _| Ok(()));
    let registered = complete(&recoveries(verifier(), store), purpose())
        .await
        .unwrap();
    assert_eq!(registered.user.id, user(3).id);
    assert_eq!(registered.credential.name.as_str(), "Default Credential");
}

#[tokio::test]
async fn the_recovery_key_may_be_named_by_its_uuid() {
    let mut store = MockRecoveryStore::new();
    store.expect_recover().times(1).returning(|_, _| Ok(()));
    let recoveries = recoveries(verifier(), store);
    let named = CredentialReference::Uuid(uuid(2));
    assert!(complete_by(&recoveries, purpose(), named).await.is_ok());
}

#[tokio::test]
async fn another_credential_does_not_recover() {
    // Nothing is verified: the mock expects no call.
    let recoveries = recoveries(MockProofVerifier::new(), MockRecoveryStore::new());
    let other = CredentialId::new("credential-1").unwrap();
    for named in [
        CredentialReference::Id(other),
        CredentialReference::Uuid(uuid(1)),
    ] {
        let refused = complete_by(&recoveries, purpose(), named).await;
        assert!(matches!(refused, Err(RecoverError::OtherCredential)));
    }
}

#[tokio::test]
async fn a_proof_that_is_not_true_recovers_nothing() {
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_confirm_recovery()
        .returning(|_, _, _| Err(ProofError::OtherCredentials));
    let recoveries = recoveries(verifier, MockRecoveryStore::new());
    let refused = complete(&recoveries, purpose()).await;
    assert!(matches!(
        refused,
        Err(RecoverError::Proof(ProofError::OtherCredentials))
    ));
}

#[tokio::test]
async fn a_new_credential_that_is_not_proved_recovers_nothing() {
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_confirm_recovery()
        .returning(|_, _, _| Ok(()));
    verifier
        .expect_verify_creation()
        .returning(|_, proof| match proof.offered {
            Offered::RecoveryKey(_) => Err(ProofError::Challenge),
            Offered::Fido2(_) | Offered::Key | Offered::PasswordProtectedKey(_) => Ok(key()),
        });
    let recoveries = recoveries(verifier, MockRecoveryStore::new());
    let refused = complete(&recoveries, purpose()).await;
    assert!(matches!(
        refused,
        Err(RecoverError::NewCredential(NewCredentialError::Proof {
            member: "recoveryCredential",
            error: ProofError::Challenge,
        }))
    ));
}

#[tokio::test]
async fn a_challenge_for_something_else_does_not_recover() {
    let recoveries = recoveries(MockProofVerifier::new(), MockRecoveryStore::new());
    let login = purpose::Login {
        user: Some(user(3).id),
        epoch: None,
    };
    assert!(is_invalid_challenge(&complete(&recoveries, login).await));
}

#[tokio::test]
async fn a_recovery_key_or_user_that_has_gone_makes_the_challenge_void() {
    for account in [None, Some(account(3, vec![key()]))] {
        let recoveries = of(account, MockProofVerifier::new(), MockRecoveryStore::new());
        assert!(is_invalid_challenge(
            &complete(&recoveries, purpose()).await
        ));
    }
}

#[tokio::test]
async fn an_authority_that_does_not_hold_any_more_makes_the_challenge_void() {
    let mut store = MockRecoveryStore::new();
    store
        .expect_recover()
        .returning(|_, _| Err(CreateError::Authority(AuthorityConflict::Void)));
    let recoveries = recoveries(verifier(), store);
    assert!(is_invalid_challenge(
        &complete(&recoveries, purpose()).await
    ));
}

/// A live recovery code of user 3.
fn code() -> HeldAccountCode {
    let expires = NOW.plus(AccountCode::SHORT_LIFETIME);
    account_code(user(3), AccountCodeKind::Recovery, expires)
}

/// What is held: a code, and credentials, of which one is named.
struct Held {
    code: Option<HeldAccountCode>,
    credentials: Vec<Credential>,
    named: String,
    /// Whether spending the code succeeds; absent when it must not come to that.
    spent: Option<bool>,
    /// How often a code is looked for.
    looks: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            code: Some(code()),
            credentials: vec![credential(2, &user(3), recovery_key())],
            named: "credential-2".to_owned(),
            spent: Some(true),
            looks: 1,
        }
    }
}

async fn begin(held: Held) -> Result<RecoveryChallenge, BeginRecoveryError> {
    begin_from(Some("https://one.example"), held).await
}

async fn begin_from(
    origin: Option<&str>,
    held: Held,
) -> Result<RecoveryChallenge, BeginRecoveryError> {
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .return_const(CodeDigest::new([5; 32]));
    let mut codes = MockAccountCodeStore::new();
    codes
        .expect_find()
        .times(held.looks)
        .withf(|asked, username, kind, digest| {
            *asked == organization(1)
                && username.as_str() == "user3@example.com"
                && *kind == AccountCodeKind::Recovery
                && digest.as_bytes() == &[5; 32]
        })
        .returning(move |_, _, _, _| Ok(held.code.clone()));
    if let Some(spent) = held.spent {
        codes
            .expect_spend()
            .times(1)
            .withf(|spent| spent.id == code().code.id)
            .returning(move |_| Ok(spent));
    }
    let mut accounts = MockAccountStore::new();
    let credentials = held.credentials;
    accounts.expect_find().returning(move |user_id| {
        let mut account = account(3, vec![]);
        account.credentials.clone_from(&credentials);
        account.credentials.retain(|held| held.user == *user_id);
        Ok(Some(account))
    });
    let recoveries = Recoveries {
        ceremonies: ceremonies(MockProofVerifier::new()),
        accounts: Arc::new(accounts),
        digester: Arc::new(digester),
        codes: Arc::new(codes),
        store: Arc::new(MockRecoveryStore::new()),
        throttle: throttle(),
    };
    let request = BeginRecovery {
        organization: Some(organization(1)),
        username: Username::new("user3@example.com").unwrap(),
        code: EnteredCode::parse("abc def ghj"),
        credential: CredentialReference::parse(&held.named).unwrap(),
    };
    recoveries.begin(&caller(origin), request).await
}

#[tokio::test]
async fn a_right_code_and_a_recovery_key_begin() {
    let encrypted = EncryptedPrivateKey::new("sealed").unwrap();
    let Material::RecoveryKey(pair, _) = recovery_key() else {
        panic!("not a recovery key");
    };
    let kept = Material::RecoveryKey(pair, Some(encrypted.clone()));
    let begun = begin(Held {
        credentials: vec![credential(2, &user(3), kept)],
        ..Held::default()
    })
    .await
    .unwrap();
    assert_eq!(begun.begun.challenge.purpose, purpose().into());
    assert!(begun.begun.challenge.application.is_some());
    assert_eq!(
        begun.begun.challenge.expires,
        NOW.plus(Policy::default().lifetimes.temporary_token)
    );
    assert_eq!(begun.user.id, user(3).id);
    assert_eq!(begun.recovery_key.as_str(), "credential-2");
    assert_eq!(begun.encrypted_private_key, Some(encrypted));
}

#[tokio::test]
async fn a_recovery_key_whose_private_half_is_not_kept_begins_too() {
    let begun = begin(Held::default()).await.unwrap();
    assert_eq!(begun.encrypted_private_key, None);
}

#[tokio::test]
async fn every_code_that_cannot_be_used_is_answered_alike() {
    let mut expired = code();
    expired.code.expires = NOW;
    let mut inactive = code();
    inactive.user.is_active = false;
    let mut of_another_epoch = code();
    of_another_epoch.user.epoch = of_another_epoch.user.epoch.next();
    for held in [None, Some(expired), Some(inactive), Some(of_another_epoch)] {
        let refused = begin(Held {
            code: held,
            spent: None,
            ..Held::default()
        })
        .await;
        assert!(matches!(refused, Err(BeginRecoveryError::InvalidCode)));
    }
    let lost = begin(Held {
        spent: Some(false),
        ..Held::default()
    })
    .await;
    assert!(matches!(lost, Err(BeginRecoveryError::InvalidCode)));
}

#[tokio::test]
async fn a_code_that_still_lives_a_millisecond_begins() {
    let mut held = code();
    held.code.expires = NOW.plus(Duration::from_millis(1));
    let begun = begin(Held {
        code: Some(held),
        ..Held::default()
    })
    .await;
    assert!(begun.is_ok());
}

#[tokio::test]
async fn only_an_active_recovery_key_of_the_user_begins_and_nothing_else_uses_the_code_up() {
    let mut inactive = credential(2, &user(3), recovery_key());
    inactive.state = CredentialState::Inactive;
    for held in [
        None,
        Some(inactive),
        Some(credential(2, &user(3), key())),
        Some(credential(2, &user(4), recovery_key())),
    ] {
        let refused = begin(Held {
            credentials: held.into_iter().collect(),
            spent: None,
            ..Held::default()
        })
        .await;
        assert!(matches!(refused, Err(BeginRecoveryError::NoRecoveryKey)));
    }
}

#[tokio::test]
async fn a_recovery_key_is_found_by_the_number_of_its_kit_however_it_is_typed() {
    let number = KitNumber::of(&CredentialId::new("credential-2").unwrap());
    let printed = number.to_string();
    let keys = || [1, 2, 3].map(|number| credential(number, &user(3), recovery_key()));
    for named in [printed.clone(), printed.replace('-', "").to_lowercase()] {
        let begun = begin(Held {
            credentials: keys().into(),
            named,
            ..Held::default()
        })
        .await
        .unwrap();
        assert_eq!(begun.recovery_key.as_str(), "credential-2");
    }
    // Whoever calls a credential so means that one.
    let mut called_so = credential(4, &user(3), recovery_key());
    called_so.id = CredentialId::new(printed.clone()).unwrap();
    let mut keys: Vec<_> = keys().into();
    keys.push(called_so);
    let begun = begin(Held {
        credentials: keys,
        named: printed.clone(),
        ..Held::default()
    })
    .await
    .unwrap();
    assert_eq!(begun.recovery_key.as_str(), printed);
}

#[tokio::test]
async fn the_number_of_a_kit_that_is_not_in_use_begins_nothing() {
    let number = KitNumber::of(&CredentialId::new("credential-2").unwrap());
    let mut inactive = credential(2, &user(3), recovery_key());
    inactive.state = CredentialState::Inactive;
    for held in [
        inactive,
        credential(2, &user(3), key()),
        credential(2, &user(4), recovery_key()),
        credential(3, &user(3), recovery_key()),
    ] {
        let refused = begin(Held {
            credentials: vec![held],
            named: number.to_string(),
            spent: None,
            ..Held::default()
        })
        .await;
        assert!(matches!(refused, Err(BeginRecoveryError::NoRecoveryKey)));
    }
}

#[tokio::test]
async fn the_page_of_another_organization_is_answered_like_a_wrong_code() {
    let foreign = Held {
        spent: None,
        ..Held::default()
    };
    let refused = begin_from(Some("https://other.example"), foreign).await;
    assert!(matches!(refused, Err(BeginRecoveryError::InvalidCode)));
}

#[tokio::test]
async fn a_page_that_nobody_lists_is_refused_before_the_code_is_looked_for() {
    let unlisted = Held {
        spent: None,
        looks: 0,
        ..Held::default()
    };
    let refused = begin_from(Some("https://unlisted.example"), unlisted).await;
    assert!(matches!(refused, Err(BeginRecoveryError::OriginNotAllowed)));
}

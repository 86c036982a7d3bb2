use latchkey_domain::{authority::Spend, credential::CredentialId, message::MessageKind};

use super::*;
use crate::{
    ports::{
        account_store::{Account, MockAccountStore},
        credential_store::CreateError,
        proof_verifier::{MockProofVerifier, Offered},
        recovery_store::MockRecoveryStore,
        store::AuthorityConflict,
    },
    testing::{
        NOW, account, application, caller, ceremonies, challenge, key, passkey, recovery_key,
        unnamed, user, uuid,
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
            Offered::Fido2 => Ok(passkey(&application("one", 1))),
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
        store: Arc::new(store),
    }
}

fn purpose() -> Purpose {
    Purpose::Recovery {
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
async fn complete(recoveries: &Recoveries, purpose: Purpose) -> Result<Registered, RecoverError> {
    let id = CredentialId::new("credential-2=").unwrap();
    complete_by(recoveries, purpose, CredentialReference::Id(id)).await
}

async fn complete_by(
    recoveries: &Recoveries,
    purpose: Purpose,
    credential: CredentialReference,
) -> Result<Registered, RecoverError> {
    let request = CompleteRecovery {
        temporary_token: recoveries
            .ceremonies
            .tokens
            .sign_challenge(&challenge(purpose), NOW),
        proof: proof(credential),
        received: RECEIVED.to_owned(),
        credentials: FirstCredentials {
            first: unnamed(Offered::Fido2),
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
                && authority.credentials() == [uuid(2)]
                && authority.applications() == [application("one", 1).id]
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
            Offered::Fido2 | Offered::Key | Offered::PasswordProtectedKey(_) => Ok(key()),
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
    let login = Purpose::Login {
        user: Some(user(3).id),
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

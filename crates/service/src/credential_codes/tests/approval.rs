//! Credentials that wait where the organization asks for it.

use latchkey_domain::{approval::Comparison, authority::Authority};

use super::*;
use crate::{
    ports::credential_code_store::RedeemError,
    testing::{directory_of, entries},
};

fn kinds(authority: &Authority) -> Vec<MessageKind> {
    authority.messages().iter().map(|told| told.kind).collect()
}

/// The store decides what is asked for, the directory only what is tried first.
#[tokio::test]
async fn what_the_organization_asks_for_by_now_counts() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_redeem()
        .times(2)
        .returning(|authority, redemption| match redemption.credential.state {
            CredentialState::Waiting { .. } => {
                assert_eq!(kinds(&authority), [MessageKind::CredentialWaits]);
                Ok(())
            }
            CredentialState::Active | CredentialState::Inactive => {
                assert_eq!(kinds(&authority), [MessageKind::CredentialAdded]);
                Err(RedeemError::Asks(Approval::Always))
            }
        });
    let made = verify(store, true_proofs(key()), with_code(&user(3))).await;
    let made = made.unwrap();
    assert!(!made.credential.is_active());
    assert!(made.awaited.is_some());
}

/// It cannot be told what to make, so nothing is.
#[tokio::test]
async fn an_organization_that_asks_for_something_else_each_time_is_not_followed() {
    let mut store = MockCredentialCodeStore::new();
    store.expect_redeem().times(2).returning(|_, redemption| {
        Err(RedeemError::Asks(match redemption.approval() {
            Approval::Never => Approval::Always,
            Approval::Always => Approval::Never,
        }))
    });
    let refused = verify(store, true_proofs(key()), with_code(&user(3))).await;
    assert!(matches!(refused, Err(NewCredentialError::Store(_))));
}

#[tokio::test]
async fn where_approval_is_asked_for_the_credential_waits_five_minutes() {
    let until = seconds(300);
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_redeem()
        .times(1)
        .returning(move |authority, redemption| {
            assert_eq!(kinds(&authority), [MessageKind::CredentialWaits]);
            let state = redemption.credential.state;
            assert_eq!(state, CredentialState::Waiting { until });
            Ok(())
        });
    let mut codes = codes(store, MockAccountStore::new(), true_proofs(key()));
    let mut entries = entries();
    entries.organizations[0].approval = Approval::Always;
    codes.ceremonies.directory = Arc::new(directory_of(entries));
    let tokens = Arc::clone(&codes.ceremonies.tokens);
    let identifier = tokens.sign_challenge(&challenge(with_code(&user(3))));
    let made = codes
        .verify(&caller(ONE), &identifier, new_credential(Offered::Key))
        .await
        .unwrap();
    assert!(!made.credential.is_active());
    let awaited = made.awaited.unwrap();
    let shown = Comparison::from_random(&[5; 32]).number();
    assert_eq!(awaited.number, shown);
    let ticket = tokens.read_approval(&awaited.token, NOW);
    let ticket = ticket.unwrap();
    assert_eq!(ticket.code, CredentialCodeId::from_random(&[4; 32]));
    assert_eq!(ticket.user, user(3).id);
    assert_eq!(ticket.expires, seconds(600));
}

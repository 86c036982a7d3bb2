use latchkey_domain::{
    authority::Spendable, challenge::Challenge, credential::CredentialState, id::TokenId,
    message::MessageKind,
};

use super::*;
use crate::{
    ports::{
        account_store::{HeldCredential, MockAccountStore},
        credential_store::{CreateError, MockCredentialStore},
        proof_verifier::{MockProofVerifier, Offered},
        store::AuthorityConflict,
    },
    testing::{
        NOW, account, application, caller, ceremonies, challenge, credential, key, new_credential,
        passkey, recovery_key, session, signed_request, told, user, uuid,
    },
};

fn credentials(store: MockCredentialStore) -> Credentials {
    let mut accounts = MockAccountStore::new();
    accounts.expect_find_signed_in().returning(|_| {
        Ok(Some(account(
            1,
            vec![
                passkey(&application("one", 1)),
                passkey(&application("two", 1)),
                key(),
            ],
        )))
    });
    accounts.expect_find_credential().returning(|_, reference| {
        // Credential 1 is user 1's, 2 as well but not active, and 3 is another's.
        let held = [(1, 1, true), (2, 1, false), (3, 2, true)].map(|(number, owner, is_active)| {
            let user = user(owner);
            let state = if is_active {
                CredentialState::Active
            } else {
                CredentialState::Inactive
            };
            let credential = Credential {
                state,
                ..credential(number, &user, key())
            };
            HeldCredential { credential, user }
        });
        let mut held = held.into_iter();
        Ok(held.find(|held| *reference == CredentialReference::Uuid(held.credential.uuid.clone())))
    });
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_verify_creation()
        .returning(|_, _| Ok(key()));
    Credentials {
        ceremonies: ceremonies(verifier),
        accounts: Arc::new(accounts),
        store: Arc::new(store),
    }
}

fn asked(session: &Session, kind: CredentialKind) -> Challenge {
    challenge(purpose::Credential {
        user: session.user.clone(),
        epoch: session.epoch,
        session: session.id.clone(),
        session_credential: session.credential.clone(),
        kind,
    })
}

async fn create(
    store: MockCredentialStore,
    asked: &Challenge,
) -> Result<Credential, NewCredentialError> {
    let credentials = credentials(store);
    let identifier = credentials.ceremonies.tokens.sign_challenge(asked);
    let request = signed_request(&user(1));
    credentials
        .create(
            &caller(None),
            &request,
            &identifier,
            new_credential(Offered::Key),
        )
        .await
}

#[tokio::test]
async fn only_the_passkeys_of_the_page_are_excluded() {
    let credentials = credentials(MockCredentialStore::new());
    let page = caller(Some("https://two.example"));
    let begun = credentials
        .begin(&page, &session(&user(1)), CredentialKind::Fido2)
        .await
        .unwrap();
    assert_eq!(begun.exclude.len(), 1);
    assert_eq!(begun.exclude[0].id.as_str(), "credential-2");
}

#[tokio::test]
async fn without_a_page_the_passkeys_of_all_are_excluded() {
    let credentials = credentials(MockCredentialStore::new());
    let begun = credentials
        .begin(&caller(None), &session(&user(1)), CredentialKind::Fido2)
        .await
        .unwrap();
    let excluded: Vec<_> = begun.exclude.iter().map(|own| own.id.as_str()).collect();
    assert_eq!(excluded, ["credential-1", "credential-2"]);
}

#[tokio::test]
async fn a_new_credential_uses_up_the_challenge_and_the_user_action() {
    let mut store = MockCredentialStore::new();
    store
        .expect_create()
        .times(1)
        .withf(|authority, _| {
            authority.messages().len() == 1
                && authority.spends().len() == 2
                && authority.credentials().keys().eq(&[uuid(1), uuid(2)])
        })
        .returning(|_, _| Ok(()));
    let made = create(store, &asked(&session(&user(1)), CredentialKind::Key))
        .await
        .unwrap();
    assert!(matches!(
        made.provenance.made_by,
        MadeBy::Credential { credential, .. } if credential == uuid(2)
    ));
}

/// What comes of a challenge for that kind that is answered to renew the recovery key.
async fn renew(
    store: MockCredentialStore,
    kind: CredentialKind,
    offered: Offered,
) -> Result<Credential, NewCredentialError> {
    let mut credentials = credentials(store);
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_verify_creation()
        .returning(|_, proof| match proof.offered {
            Offered::RecoveryKey(_) => Ok(recovery_key()),
            Offered::Fido2(_) | Offered::Key | Offered::PasswordProtectedKey(_) => Ok(key()),
        });
    credentials.ceremonies = ceremonies(verifier);
    let asked = asked(&session(&user(1)), kind);
    let identifier = credentials.ceremonies.tokens.sign_challenge(&asked);
    let request = signed_request(&user(1));
    let new = new_credential(offered);
    credentials
        .renew_recovery_key(&caller(None), &request, &identifier, new)
        .await
}

#[tokio::test]
async fn a_recovery_key_is_renewed_with_all_that_a_new_credential_requires() {
    let mut store = MockCredentialStore::new();
    store
        .expect_renew_recovery_key()
        .times(1)
        .withf(|authority, recovery_key| {
            let [message] = authority.messages() else {
                return false;
            };
            told(message).text.contains("Every earlier one has ended")
                && authority.spends().len() == 2
                && authority.credentials().keys().eq(&[uuid(1), uuid(2)])
                && authority.settled_at() == Some(NOW)
                && recovery_key.user == *authority.user()
        })
        .returning(|_, _| Ok(()));
    let offered = Offered::RecoveryKey(None);
    let made = renew(store, CredentialKind::RecoveryKey, offered).await;
    assert_eq!(made.unwrap().kind(), CredentialKind::RecoveryKey);
}

#[tokio::test]
async fn nothing_of_another_kind_takes_the_place_of_a_recovery_key() {
    for (kind, offered) in [
        (CredentialKind::Key, Offered::Key),
        (CredentialKind::Key, Offered::RecoveryKey(None)),
        (CredentialKind::RecoveryKey, Offered::Key),
    ] {
        let refused = renew(MockCredentialStore::new(), kind, offered).await;
        assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
    }
}

#[tokio::test]
async fn a_challenge_of_another_user_session_or_kind_makes_nothing() {
    let own = session(&user(1));
    let of_other_session = Session {
        id: TokenId::from_random(&[99; 32]),
        ..own.clone()
    };
    for asked in [
        asked(&session(&user(2)), CredentialKind::Key),
        asked(&of_other_session, CredentialKind::Key),
        asked(&own, CredentialKind::RecoveryKey),
        challenge(purpose::Login::default()),
    ] {
        let refused = create(MockCredentialStore::new(), &asked).await;
        assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
    }
}

#[tokio::test]
async fn a_used_user_action_is_told_apart_from_a_used_challenge() {
    let spent = |item| {
        let mut store = MockCredentialStore::new();
        store
            .expect_create()
            .returning(move |_, _| Err(CreateError::Authority(AuthorityConflict::Spent(item))));
        async { create(store, &asked(&session(&user(1)), CredentialKind::Key)).await }
    };
    let refused = spent(Spendable::UserAction).await;
    assert!(matches!(refused, Err(NewCredentialError::UserActionSpent)));
    let refused = spent(Spendable::Challenge).await;
    assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
}

/// What the user is told when credential `number` is deactivated, activated or deleted.
async fn told_of(change: &str, number: u8) -> Vec<MessageKind> {
    let kinds = Arc::new(std::sync::Mutex::new(vec![]));
    let keep = Arc::clone(&kinds);
    let note = move |authority: &Authority| {
        let mut kinds = keep.lock().unwrap();
        for message in authority.messages() {
            assert!(told(message).text.contains("Where: https://one.example"));
            kinds.push(message.kind);
        }
    };
    let mut store = MockCredentialStore::new();
    let noted = note.clone();
    store
        .expect_set_active()
        .returning(move |authority, _, _, _| {
            noted(&authority);
            Ok(())
        });
    store.expect_delete().returning(move |authority, _| {
        note(&authority);
        Ok(())
    });
    let credentials = credentials(store);
    let page = caller(Some("https://one.example"));
    let (request, uuid) = (signed_request(&user(1)), uuid(number));
    if change == "delete" {
        credentials.delete(&page, &request, &uuid).await.unwrap();
    } else {
        let active = change == "activate";
        let done = credentials.set_active(&page, &request, &uuid, active).await;
        done.unwrap();
    }
    let kinds = kinds.lock().unwrap();
    kinds.clone()
}

#[tokio::test]
async fn the_user_is_told_of_what_is_taken_away_and_of_what_comes_back() {
    assert_eq!(
        told_of("deactivate", 1).await,
        [MessageKind::CredentialDeactivated]
    );
    assert_eq!(
        told_of("activate", 2).await,
        [MessageKind::CredentialActivated]
    );
    assert_eq!(told_of("delete", 1).await, [MessageKind::CredentialDeleted]);
    assert_eq!(told_of("delete", 2).await, [MessageKind::CredentialDeleted]);
    for (change, number) in [
        ("activate", 3),
        ("deactivate", 3),
        ("delete", 3),
        ("deactivate", 4),
    ] {
        assert_eq!(told_of(change, number).await, [], "{change} {number}");
    }
}

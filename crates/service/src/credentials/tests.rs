use latchkey_domain::{challenge::Challenge, id::TokenId};

use super::*;
use crate::{
    ports::{
        account_store::MockAccountStore,
        credential_store::{CreateError, MockCredentialStore},
        proof_verifier::{MockProofVerifier, Offered},
    },
    testing::{
        NOW, account, application, caller, ceremonies, challenge, key, new_credential, passkey,
        session, signed_request, user, uuid,
    },
};

fn credentials(store: MockCredentialStore) -> Credentials {
    let mut accounts = MockAccountStore::new();
    accounts.expect_find().returning(|_| {
        Ok(Some(account(
            1,
            vec![
                passkey(&application("one", 1)),
                passkey(&application("two", 1)),
                key(),
            ],
        )))
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
    challenge(Purpose::Credential {
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
    let identifier = credentials.ceremonies.tokens.sign_challenge(asked, NOW);
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
    assert_eq!(begun.exclude[0].as_str(), "credential-2");
}

#[tokio::test]
async fn a_new_credential_uses_up_the_challenge_and_the_user_action() {
    let mut store = MockCredentialStore::new();
    store
        .expect_create()
        .times(1)
        .withf(|authority, _| {
            authority.spends().len() == 2 && authority.credentials() == [uuid(1), uuid(2)]
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
        challenge(Purpose::Login { user: None }),
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

#[tokio::test]
async fn what_the_store_refuses_to_change_is_told() {
    type Refusal = fn() -> ChangeError;
    let refuse = |error: Refusal| {
        let mut store = MockCredentialStore::new();
        store.expect_delete().returning(move |_, _| Err(error()));
        async move {
            credentials(store)
                .delete(&signed_request(&user(1)), &uuid(1))
                .await
        }
    };
    let refused = refuse(|| ChangeError::LastUsable).await;
    assert!(matches!(refused, Err(ChangeCredentialError::LastUsable)));
    let refused = refuse(|| ChangeError::NotFound).await;
    assert!(matches!(refused, Err(ChangeCredentialError::NotFound)));
    let refused = refuse(|| ChangeError::Authority(AuthorityConflict::Void)).await;
    assert!(matches!(
        refused,
        Err(ChangeCredentialError::InvalidUserAction)
    ));
}

use std::future::pending;

use futures_util::future::join_all;
use latchkey_domain::{
    authority::Spendable,
    credential::{CredentialState, Material},
    id::TokenId,
};

use super::*;
use crate::{
    events::Reason,
    ports::{
        account_store::{HeldCredential, MockAccountStore},
        credential_store::MockCredentialStore,
        proof_verifier::{MockProofVerifier, ProofError},
        session_store::MockSessionStore,
        sign_in_store::{CredentialUse, MockSignInStore},
    },
    testing::{
        account, action, application, assertion, caller, ceremonies, credential, events, key,
        passkey, protected_key, session, signed_request, signers, throttle, user, uuid,
    },
};

mod signer;

/// Every session holds.
fn live() -> MockSessionStore {
    let mut sessions = MockSessionStore::new();
    sessions.expect_is_live().returning(|_| Ok(true));
    sessions
}

fn user_actions(store: MockSignInStore) -> UserActions {
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find_signers()
        .returning(|_| Ok(Some(signers(&account(1, vec![key()])))));
    accounts.expect_find_credential().returning(|_, _| {
        let user = user(1);
        Ok(Some(HeldCredential {
            credential: credential(1, &user, key()),
            user,
        }))
    });
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_verify_assertion()
        .returning(|_, _, _| Ok(None));
    UserActions {
        factors: Factors {
            ceremonies: ceremonies(verifier),
            accounts: Arc::new(accounts),
            credentials: Arc::new(MockCredentialStore::new()),
        },
        store: Arc::new(store),
        spent: Arc::new(live()),
        throttle: throttle(),
    }
}

async fn begin(actions: &UserActions) -> FactorChallenge {
    begin_at(actions, None).await
}

async fn begin_at(actions: &UserActions, origin: Option<&str>) -> FactorChallenge {
    actions
        .begin(&caller(origin), &session(&user(1)), action("/signed"))
        .await
        .unwrap()
}

fn answer(begun: &FactorChallenge) -> FactorAnswer {
    FactorAnswer {
        identifier: begun.begun.identifier.clone(),
        first: assertion("credential-1"),
        second: None,
    }
}

#[tokio::test]
async fn the_challenge_commits_to_the_action() {
    let actions = user_actions(MockSignInStore::new());
    let begun = begin(&actions).await.begun.challenge;
    let begun = begun.accept::<purpose::UserAction>().unwrap();
    let text = latchkey_domain::challenge::ChallengeText::for_user_action(
        &begun.purpose.nonce,
        &begun.organization,
        &begun.purpose.user,
        &begun.purpose.action,
    );
    assert_eq!(begun.text, text);
}

#[tokio::test]
async fn what_was_signed_is_kept_and_permits_that_request_only() {
    let mut store = MockSignInStore::new();
    store
        .expect_sign_action()
        .times(1)
        .withf(|authority, uses, evidence| {
            authority.credentials().keys().eq(&[uuid(1)])
                && uses.len() == 1
                && evidence.action == action("/signed")
        })
        .returning(|_, _, _| Ok(()));
    let actions = user_actions(store);
    let begun = begin(&actions).await;
    let session = session(&user(1));
    let completed = actions
        .complete(&caller(None), &session, &answer(&begun))
        .await;
    let token = completed.unwrap();
    assert!(actions.check(&session, &token, &action("/signed")).is_ok());
    assert_eq!(
        actions.check(&session, &token, &action("/other")),
        Err(NotPermitted)
    );
    assert_eq!(
        actions.check(&session, "nonsense", &action("/signed")),
        Err(NotPermitted)
    );
}

#[tokio::test]
async fn another_users_challenge_is_not_signed() {
    let actions = user_actions(MockSignInStore::new());
    let begun = begin(&actions).await;
    let session = session(&user(2));
    let refused = actions
        .complete(&caller(None), &session, &answer(&begun))
        .await;
    assert!(matches!(refused, Err(FactorError::InvalidChallenge)));
}

/// Whose challenge it is has been said; ids can be guessed all the same.
#[tokio::test]
async fn what_is_wrong_with_a_proof_is_told_of_what_is_active_only() {
    for (is_user_active, is_credential_active) in [(true, true), (true, false), (false, true)] {
        for wrong in [ProofError::Signature, ProofError::Challenge] {
            let mut accounts = MockAccountStore::new();
            accounts
                .expect_find_signers()
                .returning(|_| Ok(Some(signers(&account(1, vec![key()])))));
            accounts.expect_find_credential().returning(move |_, _| {
                let mut user = user(1);
                let mut credential = credential(1, &user, key());
                user.is_active = is_user_active;
                if !is_credential_active {
                    credential.state = CredentialState::Inactive;
                }
                Ok(Some(HeldCredential { credential, user }))
            });
            let mut verifier = MockProofVerifier::new();
            verifier
                .expect_verify_assertion()
                .returning(move |_, _, _| Err(wrong.clone()));
            let mut actions = user_actions(MockSignInStore::new());
            actions.factors.accounts = Arc::new(accounts);
            actions.factors.ceremonies.verifier = Arc::new(verifier);
            let begun = begin(&actions).await;
            let session = session(&user(1));
            let refused = actions
                .complete(&caller(None), &session, &answer(&begun))
                .await;
            let is_told = matches!(refused, Err(FactorError::Proof { .. }));
            let is_unknown = matches!(refused, Err(FactorError::UnknownCredential));
            let is_active = is_user_active && is_credential_active;
            assert_eq!((is_told, is_unknown), (is_active, !is_active));
        }
    }
}

#[tokio::test]
async fn an_unlisted_origin_completes_nothing() {
    let actions = user_actions(MockSignInStore::new());
    let begun = begin(&actions).await;
    let session = session(&user(1));
    let caller = caller(Some("https://evil.example"));
    let refused = actions.complete(&caller, &session, &answer(&begun)).await;
    assert!(matches!(refused, Err(FactorError::OriginNotAllowed)));
}

#[tokio::test]
async fn the_sixty_first_action_of_a_minute_is_refused_and_not_kept() {
    let mut store = MockSignInStore::new();
    store
        .expect_sign_action()
        .times(60)
        .returning(|_, _, _| Ok(()));
    let actions = user_actions(store);
    let session = session(&user(1));
    let begun = begin(&actions).await;
    for _ in 0..60 {
        actions
            .complete(&caller(None), &session, &answer(&begun))
            .await
            .unwrap();
    }
    let refused = actions
        .complete(&caller(None), &session, &answer(&begun))
        .await;
    assert!(matches!(refused, Err(FactorError::Throttled(_))));
}

#[tokio::test]
async fn an_action_that_is_not_kept_counts_nothing() {
    let mut store = MockSignInStore::new();
    // The session has ended.
    store
        .expect_sign_action()
        .times(100)
        .returning(|_, _, _| Err(AuthorityConflict::Void.into()));
    store.expect_sign_action().returning(|_, _, _| Ok(()));
    let actions = user_actions(store);
    let session = session(&user(1));
    let begun = begin(&actions).await;
    let answer = answer(&begun);
    for _ in 0..100 {
        let refused = actions.complete(&caller(None), &session, &answer).await;
        assert!(!matches!(refused, Ok(_) | Err(FactorError::Throttled(_))));
    }
    for _ in 0..60 {
        let kept = actions.complete(&caller(None), &session, &answer).await;
        kept.unwrap();
    }
}

/// A store that does not come to refuse what a session signs that has ended.
struct Slow(TokenId);

#[async_trait::async_trait]
impl SignInStore for Slow {
    async fn sign_in(&self, _: Authority, _: Vec<CredentialUse>) -> Result<(), UseError> {
        pending().await
    }

    async fn sign_action(
        &self,
        authority: Authority,
        _: Vec<CredentialUse>,
        _: Evidence,
    ) -> Result<(), UseError> {
        if authority.session() == Some(&self.0) {
            pending().await
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_session_that_has_ended_leaves_half_of_the_actions_however_many_it_asks_for_at_once() {
    let live = session(&user(1));
    let ended = Session {
        id: TokenId::from_random(&[9; 32]),
        ..live.clone()
    };
    let mut sessions = MockSessionStore::new();
    let holds = live.id.clone();
    sessions
        .expect_is_live()
        .returning(move |asked| Ok(asked.id == holds));
    let actions = UserActions {
        store: Arc::new(Slow(ended.id.clone())),
        spent: Arc::new(sessions),
        ..user_actions(MockSignInStore::new())
    };
    let answer = answer(&begin(&actions).await);
    let caller = caller(None);
    let many = (0..100).map(|_| actions.complete(&caller, &ended, &answer));
    let signed = async {
        for _ in 0..30 {
            actions.complete(&caller, &live, &answer).await.unwrap();
        }
    };
    tokio::select! {
        biased;
        _all = join_all(many) => unreachable!("none is kept"),
        () = signed => {}
    }
}

#[tokio::test]
async fn what_is_kept_of_an_action_is_at_most_four_kibibytes_each() {
    let mut store = MockSignInStore::new();
    store.expect_sign_action().returning(|_, _, _| Ok(()));
    let actions = user_actions(store);
    let session = session(&user(1));
    let begun = begin(&actions).await;
    for (length, is_taken) in [(4_096, true), (4_097, false)] {
        let mut long = answer(&begun);
        long.first.client_data = vec![b'x'; length];
        let done = actions.complete(&caller(None), &session, &long).await;
        assert_eq!(done.is_ok(), is_taken, "{length}");
    }
    let mut long = answer(&begun);
    long.first.used = Used::Fido2 {
        authenticator_data: vec![0; 4_097],
        user_handle: None,
    };
    let refused = actions.complete(&caller(None), &session, &long).await;
    assert!(matches!(
        refused,
        Err(FactorError::TooLong {
            member: "authenticatorData",
            ..
        })
    ));
}

#[test]
fn another_users_or_epochs_signature_permits_nothing() {
    let actions = user_actions(MockSignInStore::new());
    let signed = signed_request(&user(1)).action;
    let token = actions.factors.ceremonies.tokens.sign_user_action(&signed);
    let mut later = session(&user(1));
    assert!(actions.check(&later, &token, &signed.action).is_ok());
    later.epoch = latchkey_domain::user::Epoch::new(5);
    assert_eq!(
        actions.check(&later, &token, &signed.action),
        Err(NotPermitted)
    );
    let other = session(&user(2));
    assert_eq!(
        actions.check(&other, &token, &signed.action),
        Err(NotPermitted)
    );
}

#[tokio::test]
async fn an_action_with_an_effect_elsewhere_is_used_up_by_its_own_authority() {
    let request = signed_request(&user(1));
    let authority = request.authority();
    let mut spent = MockSessionStore::new();
    spent
        .expect_exercise()
        .withf(move |given| *given == authority)
        .times(1)
        .returning(|_| Ok(()));
    let actions = UserActions {
        spent: Arc::new(spent),
        ..user_actions(MockSignInStore::new())
    };
    actions.spend(&request).await.unwrap();
}

/// The list of a challenge and what is told of a proof go by one rule.
#[tokio::test]
async fn what_is_wrong_with_a_proof_is_told_of_what_the_challenge_lists_only() {
    let one = Some("https://one.example");
    let [here, elsewhere] = ["one", "two"].map(|name| passkey(&application(name, 1)));
    for (material, origin, is_listed) in [
        (key(), one, true),
        (protected_key(), one, true),
        (here.clone(), one, true),
        (here, None, true),
        (elsewhere.clone(), one, false),
        (elsewhere, None, true),
    ] {
        let held = account(1, vec![material]);
        let used = match &held.credentials[0].material {
            Material::Fido2(_) => Used::Fido2 {
                authenticator_data: vec![],
                user_handle: None,
            },
            Material::PasswordProtectedKey(..) => Used::PasswordProtectedKey { algorithm: None },
            Material::Key(_) | Material::RecoveryKey(..) => Used::Key { algorithm: None },
        };
        let (owner, own) = (held.user.clone(), held.credentials[0].clone());
        let mut accounts = MockAccountStore::new();
        accounts
            .expect_find_signers()
            .returning(move |_| Ok(Some(signers(&held))));
        accounts.expect_find_credential().returning(move |_, _| {
            Ok(Some(HeldCredential {
                credential: own.clone(),
                user: owner.clone(),
            }))
        });
        let mut verifier = MockProofVerifier::new();
        verifier
            .expect_verify_assertion()
            .returning(|_, _, _| Err(ProofError::Signature));
        let mut actions = user_actions(MockSignInStore::new());
        actions.factors.accounts = Arc::new(accounts);
        actions.factors.ceremonies.verifier = Arc::new(verifier);
        let begun = begin_at(&actions, origin).await;
        let allowed = &begun.allowed;
        let protected = allowed.password_protected_keys.as_ref();
        let listed = allowed.passkeys.len() + allowed.keys.len() + protected.map_or(0, Vec::len);
        assert_eq!(listed, usize::from(is_listed), "{used:?}");
        let challenge = begun.begun.challenge.clone();
        let purpose = challenge.accept::<purpose::UserAction>().unwrap().purpose;
        assert_eq!(purpose.signer.is_some(), is_listed, "{used:?}");
        let mut answer = answer(&begun);
        answer.first.used = used;
        let session = session(&user(1));
        let refused = actions.complete(&caller(origin), &session, &answer).await;
        let is_told = matches!(refused, Err(FactorError::Proof { .. }));
        let is_unknown = matches!(refused, Err(FactorError::UnknownCredential));
        assert_eq!((is_told, is_unknown), (is_listed, !is_listed));
    }
}

#[tokio::test]
async fn an_action_that_is_spent_twice_is_told_as_used() {
    for (spent, reason) in [
        (Ok(()), None),
        (
            Err(AuthorityConflict::Spent(Spendable::UserAction).into()),
            Some(Reason::UserActionUsed),
        ),
    ] {
        let mut store = MockSessionStore::new();
        store.expect_exercise().return_once(move |_| spent);
        let (events, heard) = events();
        let mut actions = user_actions(MockSignInStore::new());
        actions.spent = Arc::new(store);
        actions.factors.ceremonies.events = events;
        let outcome = actions.spend(&signed_request(&user(1))).await;
        assert_eq!(outcome.is_ok(), reason.is_none());
        assert_eq!(heard.take(), [(Event::SpendUserAction, reason)]);
    }
}

use latchkey_domain::{
    approval::{ApprovalTicket, Wait},
    credential_code::{Claim, CredentialCode},
    id::{ChallengeId, CredentialCodeId},
    message::MessageKind,
    time::Timestamp,
    user::Epoch,
};

use super::*;
use crate::{
    ports::{
        account_store::{HeldCredential, MockAccountStore},
        credential_code_store::MockCredentialCodeStore,
        proof_verifier::MockProofVerifier,
    },
    testing::{NOW, caller, ceremonies, credential, key, session, signed_request, user, uuid},
};

fn approvals(store: MockCredentialCodeStore) -> Approvals {
    let mut accounts = MockAccountStore::new();
    accounts.expect_find_credential().returning(|_, _| {
        let user = user(1);
        Ok(Some(HeldCredential {
            credential: credential(9, &user, key()),
            user,
        }))
    });
    Approvals {
        ceremonies: ceremonies(MockProofVerifier::new()),
        accounts: Arc::new(accounts),
        store: Arc::new(store),
    }
}

fn redeemed(wait: Option<Wait>) -> HeldCode {
    let user = user(3);
    let id = CredentialCodeId::from_random(&[4; 32]);
    let mut code = CredentialCode::issue(id, &session(&user), NOW, NOW);
    code.state = CodeState::Redeemed {
        claim: Claim {
            date: NOW,
            origin: None,
            address: caller(None).address,
            challenge: ChallengeId::from_random(&[1; 32]),
            expires: NOW,
        },
        credential: uuid(9),
        wait,
    };
    HeldCode { code, user }
}

/// What the place is told whose credential was made with this code.
async fn told(held: Option<HeldCode>) -> WaitStatus {
    let id = CredentialCodeId::from_random(&[4; 32]);
    let expected = id.clone();
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_find_by_id()
        .times(1)
        .withf(move |code| *code == expected)
        .returning(move |_| Ok(held.clone()));
    let approvals = approvals(store);
    let ticket = ApprovalTicket {
        code: id,
        organization: user(3).organization,
        user: user(3).id,
        expires: Timestamp::from_unix_milliseconds(i64::MAX),
    };
    let token = approvals.ceremonies.tokens.sign_approval(&ticket, NOW);
    approvals.status(&token).await.unwrap()
}

#[tokio::test]
async fn the_other_place_is_told_what_was_decided() {
    let begun = Wait::begin(NOW);
    let decided = |verdict| Wait {
        verdict: Some(verdict),
        ..begun
    };
    let late = Wait {
        expires: NOW,
        ..begun
    };
    for (wait, status) in [
        (begun, WaitStatus::Waiting),
        (late, WaitStatus::Expired),
        (decided(Verdict::Approved), WaitStatus::Approved),
        (decided(Verdict::Refused), WaitStatus::Refused),
    ] {
        assert_eq!(told(Some(redeemed(Some(wait)))).await, status);
    }
    assert_eq!(told(None).await, WaitStatus::Expired);
    assert_eq!(told(Some(redeemed(None))).await, WaitStatus::Expired);
}

#[tokio::test]
async fn what_nobody_can_approve_any_more_is_refused() {
    let mut of_earlier_epoch = redeemed(Some(Wait::begin(NOW)));
    of_earlier_epoch.user.epoch = Epoch::new(5);
    assert_eq!(told(Some(of_earlier_epoch)).await, WaitStatus::Refused);
    let mut of_inactive_user = redeemed(Some(Wait::begin(NOW)));
    of_inactive_user.user.is_active = false;
    assert_eq!(told(Some(of_inactive_user)).await, WaitStatus::Refused);
}

#[tokio::test]
async fn a_text_that_is_no_approval_token_is_not_looked_up() {
    let refused = approvals(MockCredentialCodeStore::new()).status("x").await;
    assert!(matches!(refused, Err(ApprovalStatusError::InvalidToken)));
}

#[tokio::test]
async fn a_decision_uses_up_the_user_action_and_is_dated() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_decide()
        .times(1)
        .withf(|authority, decision| {
            authority.spends().len() == 1
                && decision.credential == uuid(9)
                && decision.verdict == Verdict::Refused
                && decision.date == NOW
        })
        .returning(|_, _| Ok(()));
    let request = signed_request(&user(1));
    let approvals = approvals(store);
    let decided = approvals.decide(&request, uuid(9), Verdict::Refused).await;
    assert!(decided.is_ok());
}

#[tokio::test]
async fn the_owner_is_told_of_an_approval_and_nobody_approves_for_another() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_decide()
        .times(1)
        .withf(|authority, _| {
            let kinds: Vec<_> = authority.messages().iter().map(|told| told.kind).collect();
            kinds == [MessageKind::CredentialAdded]
        })
        .returning(|_, _| Ok(()));
    let approvals = approvals(store);
    let own = signed_request(&user(1));
    let decided = approvals.decide(&own, uuid(9), Verdict::Approved).await;
    assert!(decided.is_ok());
    let foreign = signed_request(&user(2));
    let decided = approvals.decide(&foreign, uuid(9), Verdict::Approved).await;
    assert!(matches!(decided, Err(DecideError::NotWaiting)));
}

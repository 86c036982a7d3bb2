use latchkey_domain::{
    credential::CredentialKind,
    credential_code::{Claim, CodeDigest, Release, ReleaseReason},
    id::ChallengeId,
    message::MessageKind,
    time::Timestamp,
    user::Epoch,
};

use super::*;
use crate::{
    events::Reason,
    ports::{
        account_store::{HeldCredential, MockAccountStore},
        code_digester::MockCodeDigester,
        credential_code_store::MockCredentialCodeStore,
        proof_verifier::MockProofVerifier,
    },
    testing::{
        NOW, caller, ceremonies, challenge, credential, events, key, session, signed_request, user,
        uuid,
    },
};

fn code() -> CredentialCodeId {
    CredentialCodeId::from_random(&[4; 32])
}

fn with_code() -> MadeBy {
    MadeBy::Code {
        code: code(),
        credential: uuid(1),
    }
}

/// The number that is shown where what was made with that code waits.
fn shown() -> u16 {
    Comparison::from_random(&[6; 32]).number()
}

fn approvals(store: MockCredentialCodeStore) -> Approvals {
    approvals_of(store, with_code())
}

/// Of user 1, whose credential was made so.
fn approvals_of(store: MockCredentialCodeStore, made_by: MadeBy) -> Approvals {
    let user = user(1);
    let mut credential = credential(9, &user, key());
    credential.provenance.made_by = made_by;
    approvals_where(store, Some(HeldCredential { credential, user }))
}

/// Where that is the credential, or there is none any more.
fn approvals_where(store: MockCredentialCodeStore, held: Option<HeldCredential>) -> Approvals {
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find_credential()
        .returning(move |_, _| Ok(held.clone()));
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .withf(|text| text.reveal() == format!("number of {}", code()))
        .return_const(CodeDigest::new([6; 32]));
    Approvals {
        ceremonies: ceremonies(MockProofVerifier::new()),
        digester: Arc::new(digester),
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

/// A store that is asked once for the code.
fn finding(held: Option<HeldCode>) -> MockCredentialCodeStore {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_find_by_id()
        .times(1)
        .withf(|asked| *asked == code())
        .returning(move |_| Ok(held.clone()));
    store
}

fn ticket(expires: Timestamp) -> ApprovalTicket {
    ApprovalTicket {
        code: code(),
        organization: user(3).organization,
        user: user(3).id,
        expires,
    }
}

/// What the place is told whose credential was made with this code, by its approval token.
async fn outcome(held: Option<HeldCode>) -> Outcome {
    let approvals = approvals(finding(held));
    let ticket = ticket(Timestamp::from_unix_milliseconds(i64::MAX));
    let token = approvals.ceremonies.tokens.sign_approval(&ticket, NOW);
    approvals.status(&token).await.unwrap()
}

/// How the wait stands.
async fn told(held: Option<HeldCode>) -> WaitStatus {
    outcome(held).await.status
}

/// What it is told by a challenge of its own; [`redeemed`] is claimed by the one of number 1.
async fn told_by_challenge(
    held: Option<HeldCode>,
    number: u8,
) -> Result<Option<Outcome>, ApprovalStatusError> {
    let approvals = approvals(finding(held));
    let mut challenge = challenge(with_that_code());
    challenge.id = ChallengeId::from_random(&[number; 32]);
    let tokens = &approvals.ceremonies.tokens;
    let identifier = tokens.sign_challenge(&challenge);
    approvals.status_of_challenge(&identifier).await
}

fn with_that_code() -> purpose::CredentialWithCode {
    let user = user(3);
    purpose::CredentialWithCode {
        user: user.id,
        epoch: user.epoch,
        code: code(),
        issuer: uuid(1),
        kind: CredentialKind::Key,
        name: None,
    }
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
async fn the_other_place_is_told_the_number_again_while_it_waits_and_no_longer() {
    let wait = Wait::begin(NOW);
    let approvals = approvals(finding(Some(redeemed(Some(wait)))));
    let tokens = &approvals.ceremonies.tokens;
    let first = ticket(ApprovalTicket::expiry(&wait));
    let token = tokens.sign_approval(&first, NOW);
    let told = approvals.status(&token).await.unwrap().awaited.unwrap();
    assert_eq!(told.number, shown());
    // It ends when the first one does, however often it is given.
    assert_eq!(tokens.read_approval(&told.token, NOW), Ok(first));
    let decided = Wait {
        verdict: Some(Verdict::Approved),
        ..wait
    };
    assert_eq!(outcome(Some(redeemed(Some(decided)))).await.awaited, None);
    let mut nobody_approves = redeemed(Some(wait));
    nobody_approves.user.is_active = false;
    assert_eq!(outcome(Some(nobody_approves)).await.awaited, None);
}

#[tokio::test]
async fn a_place_whose_answer_was_lost_is_told_by_the_challenge_it_answered() {
    let waiting = Some(redeemed(Some(Wait::begin(NOW))));
    let told = told_by_challenge(waiting.clone(), 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(told.status, WaitStatus::Waiting);
    assert_eq!(told.awaited.unwrap().number, shown());
    let usable = told_by_challenge(Some(redeemed(None)), 1).await.unwrap();
    assert_eq!(usable, Some(Outcome::from(WaitStatus::Approved)));
    // With another challenge nothing was made.
    for (held, number) in [(waiting, 2), (None, 1)] {
        let refused = told_by_challenge(held, number).await;
        let is_refused = matches!(refused, Err(ApprovalStatusError::InvalidChallenge));
        assert!(is_refused, "{refused:?}");
    }
}

#[tokio::test]
async fn a_place_is_told_whether_its_code_is_still_open() {
    let HeldCode { code, user } = redeemed(None);
    let CodeState::Redeemed { claim, .. } = code.state.clone() else {
        panic!("it is redeemed");
    };
    let open = Claim {
        expires: Timestamp::from_unix_milliseconds(i64::MAX),
        ..claim.clone()
    };
    let told = async |state, number| {
        let mut held = HeldCode {
            code: code.clone(),
            user: user.clone(),
        };
        held.code.state = state;
        told_by_challenge(Some(held), number).await
    };
    let is_open = told(CodeState::Claimed(open.clone()), 1).await.unwrap();
    assert_eq!(is_open, None);
    let release = Release {
        reason: ReleaseReason::GivenUp,
        date: NOW,
    };
    for (state, number) in [
        (CodeState::Claimed(open.clone()), 2),
        (CodeState::Claimed(claim), 1),
        (
            CodeState::Cancelled {
                claim: Some(open.clone()),
            },
            1,
        ),
        (
            CodeState::Released {
                claim: open,
                release,
            },
            1,
        ),
        (CodeState::Issued, 1),
    ] {
        let refused = told(state, number).await;
        let is_refused = matches!(refused, Err(ApprovalStatusError::InvalidChallenge));
        assert!(is_refused, "{refused:?}");
    }
}

#[tokio::test]
async fn what_was_deleted_since_is_not_told_to_be_approved() {
    let approved = Wait {
        verdict: Some(Verdict::Approved),
        ..Wait::begin(NOW)
    };
    for wait in [Some(approved), None] {
        let approvals = approvals_where(finding(Some(redeemed(wait))), None);
        let mut challenge = challenge(with_that_code());
        challenge.id = ChallengeId::from_random(&[1; 32]);
        let tokens = &approvals.ceremonies.tokens;
        let identifier = tokens.sign_challenge(&challenge);
        let told = approvals.status_of_challenge(&identifier).await.unwrap();
        assert_eq!(told, Some(Outcome::from(WaitStatus::Refused)));
    }
    let approvals = approvals_where(finding(Some(redeemed(Some(approved)))), None);
    let ticket = ticket(Timestamp::from_unix_milliseconds(i64::MAX));
    let token = approvals.ceremonies.tokens.sign_approval(&ticket, NOW);
    let told = approvals.status(&token).await.unwrap();
    assert_eq!(told, Outcome::from(WaitStatus::Refused));
}

#[tokio::test]
async fn a_challenge_for_something_else_and_a_text_that_is_none_are_not_looked_up() {
    let approvals = approvals(MockCredentialCodeStore::new());
    let login = challenge(purpose::Login::default());
    let tokens = &approvals.ceremonies.tokens;
    let ticket = ticket(Timestamp::from_unix_milliseconds(i64::MAX));
    for identifier in [
        tokens.sign_challenge(&login),
        tokens.sign_approval(&ticket, NOW),
        "x".to_owned(),
    ] {
        let refused = approvals.status_of_challenge(&identifier).await;
        assert!(matches!(
            refused,
            Err(ApprovalStatusError::InvalidChallenge)
        ));
    }
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

/// A store that is to carry out one decision of that kind.
fn deciding(verdict: Verdict, told: &'static [MessageKind]) -> MockCredentialCodeStore {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_decide()
        .times(1)
        .withf(move |authority, decision| {
            let kinds: Vec<_> = authority.messages().iter().map(|told| told.kind).collect();
            authority.spends().len() == 1
                && kinds == told
                && decision.credential == uuid(9)
                && decision.verdict == verdict
                && decision.date == NOW
        })
        .returning(|_, _| Ok(()));
    store
}

#[tokio::test]
async fn a_decision_uses_up_the_user_action_and_is_dated() {
    let approvals = approvals(deciding(Verdict::Refused, &[]));
    let refused = approvals.refuse(&signed_request(&user(1)), uuid(9)).await;
    assert!(refused.is_ok());
}

#[tokio::test]
async fn the_owner_is_told_of_an_approval_and_nobody_approves_for_another() {
    let approvals = approvals(deciding(Verdict::Approved, &[MessageKind::CredentialAdded]));
    let own = signed_request(&user(1));
    let approved = approvals.approve(&own, uuid(9), shown()).await;
    assert!(approved.is_ok());
    let foreign = signed_request(&user(2));
    let approved = approvals.approve(&foreign, uuid(9), shown()).await;
    assert!(matches!(
        approved,
        Err(ApproveError::Decide(DecideError::NotWaiting))
    ));
}

#[tokio::test]
async fn another_number_than_the_one_that_is_shown_refuses_and_that_is_told() {
    let (events, heard) = events();
    let mut approvals = approvals(deciding(Verdict::Refused, &[]));
    approvals.ceremonies.events = events;
    let own = signed_request(&user(1));
    let approved = approvals.approve(&own, uuid(9), shown() + 1).await;
    assert!(matches!(approved, Err(ApproveError::WrongNumber)));
    let refused = Some(Reason::WrongNumber);
    assert_eq!(heard.take(), [(Event::ApproveCredential, refused)]);
}

#[tokio::test]
async fn a_wrong_number_for_what_does_not_wait_is_no_wrong_number() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_decide()
        .times(1)
        .returning(|_, _| Err(DecideError::NotWaiting));
    let own = signed_request(&user(1));
    let approved = approvals(store).approve(&own, uuid(9), shown() + 1).await;
    assert!(matches!(
        approved,
        Err(ApproveError::Decide(DecideError::NotWaiting))
    ));
}

#[tokio::test]
async fn what_was_made_without_a_code_is_not_approved() {
    let approvals = approvals_of(MockCredentialCodeStore::new(), MadeBy::Registration);
    let own = signed_request(&user(1));
    let approved = approvals.approve(&own, uuid(9), shown()).await;
    assert!(matches!(
        approved,
        Err(ApproveError::Decide(DecideError::NotWaiting))
    ));
}

use latchkey_domain::{
    application::Origin,
    challenge::purpose::Purpose,
    credential::{CredentialState, MadeBy, Material},
    credential_code::{CodeDigest, CodeForm, CodeState},
    id::{AccountCodeId, ChallengeId, TokenId},
    message::MessageKind,
    organization::Approval,
    policy::Limits,
    user::User,
};

use super::*;
use crate::{
    ceremony::NewCredentialError,
    ports::{
        account_store::{HeldPasskey, MockAccountStore},
        code_digester::MockCodeDigester,
        credential_code_store::{ClaimedCode, MockCredentialCodeStore, RedeemError},
        credential_store::CreateError,
        proof_verifier::{MockProofVerifier, Offered, ProofError},
        store::AuthorityConflict,
    },
    testing::{
        NOW, account, action, application, caller, ceremonies, challenge, clock, directory_of,
        entries, events, key, new_credential, passkey, session, signed_request, throttle, user,
        uuid,
    },
};

mod approval;
mod binding;
mod release;
mod sign_in;

fn codes(
    store: MockCredentialCodeStore,
    accounts: MockAccountStore,
    verifier: MockProofVerifier,
) -> CredentialCodes {
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .return_const(CodeDigest::new([5; 32]));
    CredentialCodes {
        ceremonies: ceremonies(verifier),
        digester: Arc::new(digester),
        accounts: Arc::new(accounts),
        store: Arc::new(store),
        throttle: throttle(),
    }
}

/// Codes that are kept by `store`.
fn codes_kept_by(store: MockCredentialCodeStore) -> CredentialCodes {
    codes(store, MockAccountStore::new(), MockProofVerifier::new())
}

fn seconds(seconds: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(seconds))
}

fn wanted(long_only: bool) -> IssueCode {
    IssueCode {
        expiration: seconds(60),
        long_only,
        binding: Binding::default(),
    }
}

/// A code in that state, of a user with one passkey of application one.
fn held(state: CodeState) -> FoundCode {
    let account = account(3, vec![passkey(&application("one", 1)), key()]);
    let id = CredentialCodeId::from_random(&[4; 32]);
    let mut code = CredentialCode::issue(id, &session(&account.user), NOW, seconds(60));
    code.state = state;
    FoundCode {
        code,
        passkeys: account
            .credentials
            .iter()
            .filter_map(HeldPasskey::of)
            .collect(),
        owner: account.user,
    }
}

fn claim() -> Claim {
    Claim {
        date: NOW,
        origin: None,
        address: caller(None).address,
        challenge: ChallengeId::from_random(&[1; 32]),
        expires: seconds(300),
    }
}

/// A store that holds this code, or none, as is asked once; every further call would fail the test.
fn holding(held: Option<FoundCode>) -> MockCredentialCodeStore {
    let mut store = MockCredentialCodeStore::new();
    store.expect_claim().times(1).returning(claiming(held));
    store
}

/// What comes of an entry where that code is held, or none.
fn claiming(
    held: Option<FoundCode>,
) -> impl Fn(CodeForm, &CodeDigest, CodeEntry) -> Result<ClaimedCode, ClaimError> {
    move |_, _, entry| match &held {
        Some(held) if entry.claims(&held.code, &held.owner) => Ok(held.clone().into()),
        _ => Err(ClaimError::Refused(held.clone().map(Box::new))),
    }
}

fn entered() -> BeginWithCode {
    BeginWithCode {
        code: EnteredCode::parse("ABC-DEF-GHJ"),
        kind: CredentialKind::Fido2,
        username: None,
    }
}

const ONE: Option<&str> = Some("https://one.example");

#[tokio::test]
async fn an_issued_code_has_both_forms_or_the_long_one_alone() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_issue()
        .times(2)
        .withf(|authority, new| authority.spends().len() == 1 && new.code.user == *authority.user())
        .returning(|_, _| Ok(()));
    let codes = codes_kept_by(store);
    let request = signed_request(&user(3));
    let both = codes
        .issue(&caller(ONE), &request, wanted(false))
        .await
        .unwrap();
    assert!(both.short.is_some());
    assert!(both.long.reveal().starts_with("cc_"));
    assert_eq!(both.expires, seconds(60));
    let link = format!("https://one.example/enrol#{}", both.long.reveal());
    assert_eq!(
        both.link.as_ref().map(CodeText::reveal),
        Some(link.as_str())
    );
    let long = codes
        .issue(&caller(ONE), &request, wanted(true))
        .await
        .unwrap();
    assert!(long.short.is_none());
}

#[tokio::test]
async fn issue_refuses_an_expiration_outside_the_bounds() {
    let codes = codes_kept_by(MockCredentialCodeStore::new());
    for expiration in [NOW, seconds(66)] {
        let wanted = IssueCode {
            expiration,
            ..wanted(false)
        };
        let refused = codes
            .issue(&caller(ONE), &signed_request(&user(3)), wanted)
            .await;
        assert!(matches!(refused, Err(IssueCodeError::Expiration(_))));
    }
}

#[tokio::test]
async fn a_code_that_exists_already_is_drawn_again() {
    let mut store = MockCredentialCodeStore::new();
    let mut tries = 0;
    store.expect_issue().times(2).returning(move |_, _| {
        tries += 1;
        if tries == 1 {
            Err(IssueError::Taken)
        } else {
            Ok(())
        }
    });
    let codes = codes_kept_by(store);
    assert!(
        codes
            .issue(&caller(ONE), &signed_request(&user(3)), wanted(false))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn drawing_the_same_code_again_and_again_is_a_failure() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_issue()
        .times(3)
        .returning(|_, _| Err(IssueError::Taken));
    let codes = codes_kept_by(store);
    let refused = codes
        .issue(&caller(ONE), &signed_request(&user(3)), wanted(false))
        .await;
    assert!(matches!(
        refused,
        Err(IssueCodeError::Issue(IssueError::Taken))
    ));
}

#[tokio::test]
async fn a_claimed_code_gives_a_challenge_for_the_application_of_the_origin() {
    let mut store = MockCredentialCodeStore::new();
    let held = held(CodeState::Issued);
    store
        .expect_claim()
        .times(1)
        .withf(|_, _, entry| entry.claim.origin.as_ref().map(Origin::as_str) == ONE)
        .returning(claiming(Some(held)));
    let begun = codes_kept_by(store)
        .begin(&caller(ONE), &entered())
        .await
        .unwrap();
    assert_eq!(begun.user.id, user(3).id);
    assert_eq!(
        begun.begun.challenge.application,
        Some(application("one", 1).id)
    );
    assert_eq!(begun.exclude.len(), 1);
}

#[tokio::test]
async fn a_code_that_cannot_be_claimed_is_asked_for_once() {
    let redeemed = CodeState::Redeemed {
        claim: claim(),
        credential: uuid(1),
        wait: None,
    };
    let mut expired = held(CodeState::Issued);
    expired.code.expires = NOW;
    let mut of_inactive_user = held(CodeState::Issued);
    of_inactive_user.owner.is_active = false;
    let mut of_earlier_epoch = held(CodeState::Issued);
    of_earlier_epoch.owner.epoch = latchkey_domain::user::Epoch::new(5);
    for held in [
        None,
        Some(held(CodeState::Claimed(claim()))),
        Some(held(redeemed)),
        Some(held(CodeState::Cancelled { claim: None })),
        Some(expired),
        Some(of_inactive_user),
        Some(of_earlier_epoch),
    ] {
        let codes = codes(
            holding(held),
            MockAccountStore::new(),
            MockProofVerifier::new(),
        );
        let refused = codes.begin(&caller(ONE), &entered()).await;
        assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
    }
}

#[tokio::test]
async fn a_code_entered_on_another_organizations_page_is_a_wrong_code() {
    let codes = codes_kept_by(holding(Some(held(CodeState::Issued))));
    let refused = codes
        .begin(&caller(Some("https://other.example")), &entered())
        .await;
    assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
}

#[tokio::test]
async fn where_the_origin_does_not_tell_the_application_the_code_does() {
    // Of two organizations, one of which has the code.
    let mut entries = entries();
    let [shared, of_another] = [1, 2].map(|owner| application("shared", owner));
    entries.applications.extend([of_another, shared.clone()]);
    let directory = Arc::new(directory_of(entries));
    for (origin, expected) in [
        (Some("https://shared.example"), shared.id),
        (None, application("one", 1).id),
    ] {
        let mut store = holding(Some(held(CodeState::Issued)));
        store
            .expect_find()
            .times(1)
            .returning(|_, _| Ok(Some(held(CodeState::Issued))));
        let mut codes = codes_kept_by(store);
        codes.ceremonies.directory = Arc::clone(&directory);
        let begun = codes.begin(&caller(origin), &entered()).await.unwrap();
        assert_eq!(begun.begun.application.id, expected);
        let mut unknown = MockCredentialCodeStore::new();
        unknown.expect_find().times(1).returning(|_, _| Ok(None));
        let mut codes = codes_kept_by(unknown);
        codes.ceremonies.directory = Arc::clone(&directory);
        let refused = codes.begin(&caller(origin), &entered()).await;
        assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
    }
}

#[tokio::test]
async fn an_unlisted_origin_is_refused_before_anything_is_looked_up() {
    let codes = codes_kept_by(MockCredentialCodeStore::new());
    let refused = codes
        .begin(&caller(Some("https://evil.example")), &entered())
        .await;
    assert!(matches!(refused, Err(BeginWithCodeError::OriginNotAllowed)));
}

#[tokio::test]
async fn a_username_that_is_given_must_be_the_owners() {
    for (username, accepted) in [("USER3@example.com", true), ("user4@example.com", false)] {
        let store = holding(Some(held(CodeState::Issued)));
        let username = Some(Username::new(username).unwrap());
        let request = BeginWithCode {
            username,
            ..entered()
        };
        let outcome = codes_kept_by(store).begin(&caller(ONE), &request).await;
        assert_eq!(outcome.is_ok(), accepted);
    }
}

#[tokio::test]
async fn the_eleventh_wrong_code_is_not_looked_up() {
    let mut store = MockCredentialCodeStore::new();
    store.expect_claim().times(10).returning(claiming(None));
    let codes = codes_kept_by(store);
    for _ in 0..10 {
        let refused = codes.begin(&caller(ONE), &entered()).await;
        assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
    }
    let refused = codes.begin(&caller(ONE), &entered()).await;
    assert!(matches!(refused, Err(BeginWithCodeError::Throttled(_))));
}

#[tokio::test]
async fn wrong_codes_are_limited_by_their_form_and_the_username() {
    let mut store = MockCredentialCodeStore::new();
    store.expect_claim().returning(claiming(None));
    let limits = Limits {
        wrong_codes_per_installation: 1,
        wrong_codes_per_user: 1,
        ..Limits::default()
    };
    let codes = CredentialCodes {
        throttle: Arc::new(Throttle::new(limits, clock())),
        ..codes_kept_by(store)
    };
    let (short, long) = ("ABC-DEF-GHJ", "cc_long");
    for (code, username, is_looked_up) in [
        (short, None, true),
        (short, None, false),
        (long, None, true),
        (long, None, true),
        (short, Some("ada@example.com"), true),
        (short, Some("Ada@example.com"), false),
        (long, Some("ada@example.com"), true),
        (short, Some("bob@example.com"), true),
    ] {
        let request = BeginWithCode {
            code: EnteredCode::parse(code),
            username: username.map(|name| Username::new(name).unwrap()),
            ..entered()
        };
        let refused = codes.begin(&caller(ONE), &request).await.err().unwrap();
        let (is_wrong, is_throttled) = (
            matches!(refused, BeginWithCodeError::InvalidCode),
            matches!(refused, BeginWithCodeError::Throttled(_)),
        );
        let expected = (is_looked_up, !is_looked_up);
        assert_eq!((is_wrong, is_throttled), expected, "{code} {username:?}");
    }
}

#[tokio::test]
async fn right_codes_are_not_counted() {
    let mut store = MockCredentialCodeStore::new();
    let held = held(CodeState::Issued);
    store
        .expect_claim()
        .times(30)
        .returning(claiming(Some(held)));
    let codes = codes_kept_by(store);
    for _ in 0..30 {
        assert!(codes.begin(&caller(ONE), &entered()).await.is_ok());
    }
}

fn with_code(user: &User) -> purpose::CredentialWithCode {
    purpose::CredentialWithCode {
        user: user.id.clone(),
        epoch: user.epoch,
        code: CredentialCodeId::from_random(&[4; 32]),
        issuer: uuid(1),
        kind: CredentialKind::Key,
        name: None,
    }
}

fn true_proofs(material: Material) -> MockProofVerifier {
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_verify_creation()
        .returning(move |_, _| Ok(material.clone()));
    verifier
}

async fn verify(
    store: MockCredentialCodeStore,
    verifier: MockProofVerifier,
    purpose: impl Into<Purpose>,
) -> Result<MadeWithCode, NewCredentialError> {
    let codes = codes(store, MockAccountStore::new(), verifier);
    let identifier = codes.ceremonies.tokens.sign_challenge(&challenge(purpose));
    codes
        .verify(&caller(ONE), &identifier, new_credential(Offered::Key))
        .await
}

#[tokio::test]
async fn a_redeemed_code_makes_a_credential_that_tells_where_it_came_from() {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_redeem()
        .times(1)
        .withf(|authority, redemption| {
            authority.credentials().keys().eq(&[uuid(1)])
                && authority.spends().is_empty()
                && *redemption.redeemed.code() == CredentialCodeId::from_random(&[4; 32])
                && redemption.credential.user == *authority.user()
        })
        .returning(|_, _| Ok(()));
    let made = verify(store, true_proofs(key()), with_code(&user(3)))
        .await
        .unwrap();
    assert_eq!(made.awaited, None);
    let provenance = made.credential.provenance;
    let made_by = MadeBy::Code {
        code: CredentialCodeId::from_random(&[4; 32]),
        credential: uuid(1),
    };
    assert_eq!(provenance.made_by, made_by);
    assert_eq!(provenance.origin.as_ref().map(Origin::as_str), ONE);
    assert_eq!(made.credential.state, CredentialState::Active);
}

#[tokio::test]
async fn verify_refuses_a_challenge_of_every_other_purpose() {
    let user = user(3);
    let nonce = latchkey_domain::challenge::ActionNonce::new([0; 16]);
    for purpose in [
        Purpose::from(purpose::Registration {
            user: user.id.clone(),
            epoch: user.epoch,
            code: AccountCodeId::from_random(&[4; 32]),
        }),
        Purpose::from(purpose::Login {
            user: Some(user.id.clone()),
            epoch: None,
        }),
        Purpose::from(purpose::UserAction {
            user: user.id.clone(),
            epoch: user.epoch,
            session_credential: uuid(1),
            action: action("/auth/credentials/code/verify"),
            nonce,
            signer: None,
        }),
        Purpose::from(purpose::Credential {
            user: user.id.clone(),
            epoch: user.epoch,
            session: TokenId::from_random(&[8; 32]),
            session_credential: uuid(1),
            kind: CredentialKind::Key,
        }),
        Purpose::from(purpose::Recovery {
            user: user.id.clone(),
            epoch: user.epoch,
            credential: uuid(1),
        }),
    ] {
        let refused = verify(
            MockCredentialCodeStore::new(),
            MockProofVerifier::new(),
            purpose,
        )
        .await;
        assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
    }
}

#[tokio::test]
async fn verify_refuses_another_kind_than_was_asked_for() {
    let purpose = purpose::CredentialWithCode {
        kind: CredentialKind::RecoveryKey,
        ..with_code(&user(3))
    };
    let refused = verify(
        MockCredentialCodeStore::new(),
        MockProofVerifier::new(),
        purpose,
    )
    .await;
    assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
}

#[tokio::test]
async fn verify_refuses_a_text_that_is_no_challenge_identifier() {
    let codes = codes_kept_by(MockCredentialCodeStore::new());
    let refused = codes
        .verify(&caller(ONE), "nonsense", new_credential(Offered::Key))
        .await;
    assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
}

#[tokio::test]
async fn an_untrue_proof_changes_nothing() {
    let mut verifier = MockProofVerifier::new();
    verifier
        .expect_verify_creation()
        .returning(|_, _| Err(ProofError::Signature));
    let refused = verify(
        MockCredentialCodeStore::new(),
        verifier,
        with_code(&user(3)),
    )
    .await;
    assert!(matches!(
        refused,
        Err(NewCredentialError::Proof {
            error: ProofError::Signature,
            ..
        })
    ));
}

#[tokio::test]
async fn what_the_store_refuses_is_told() {
    let refuse = |error: fn() -> RedeemError| {
        let mut store = MockCredentialCodeStore::new();
        store.expect_redeem().returning(move |_, _| Err(error()));
        verify(store, true_proofs(key()), with_code(&user(3)))
    };
    let refused = refuse(|| AuthorityConflict::Void.into()).await;
    assert!(matches!(refused, Err(NewCredentialError::InvalidChallenge)));
    let refused = refuse(|| CreateError::CredentialIdTaken.into()).await;
    assert!(matches!(
        refused,
        Err(NewCredentialError::CredentialIdTaken)
    ));
    let refused = refuse(|| StoreError::new("disk full").into()).await;
    assert!(matches!(refused, Err(NewCredentialError::Store(_))));
}

#[tokio::test]
async fn a_passkey_made_with_a_code_needs_its_application_to_be_active() {
    let two = application("two", 1);
    let expected = two.id.clone();
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_redeem()
        .withf(move |authority, _| authority.applications().iter().eq([&expected]))
        .returning(|_, _| Ok(()));
    assert!(
        verify(store, true_proofs(passkey(&two)), with_code(&user(3)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_log_tells_a_code_that_has_expired_from_one_that_is_wrong() {
    let mut expired = held(CodeState::Issued);
    expired.code.expires = NOW;
    let cancelled = held(CodeState::Cancelled { claim: None });
    for (found, reason) in [
        (None, Reason::InvalidCode),
        (Some(expired), Reason::CodeExpired),
        (Some(cancelled), Reason::InvalidCode),
    ] {
        let (events, heard) = events();
        let mut codes = codes_kept_by(holding(found));
        codes.ceremonies.events = events;
        let refused = codes.begin(&caller(ONE), &entered()).await;
        assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
        assert_eq!(heard.take(), [(Event::ClaimCode, Some(reason))]);
    }
}

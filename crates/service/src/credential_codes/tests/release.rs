//! Giving a code back.

use super::*;

/// A store that is asked to release once, and answers so.
fn releasing(answer: fn() -> Result<(), ReleaseError>) -> MockCredentialCodeStore {
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_release()
        .times(1)
        .withf(|released| {
            *released.code() == CredentialCodeId::from_random(&[4; 32])
                && *released.user() == user(3).id
                && *released.challenge() == challenge(with_code(&user(3))).id
                && released.release()
                    == Release {
                        reason: ReleaseReason::NotMyAccount,
                        date: NOW,
                    }
        })
        .returning(move |_| answer());
    store
}

async fn release(
    store: MockCredentialCodeStore,
    origin: Option<&str>,
    purpose: impl Into<Purpose>,
) -> (Result<(), ReleaseCodeError>, Vec<(Event, Option<Reason>)>) {
    let (events, heard) = events();
    let mut codes = codes_kept_by(store);
    codes.ceremonies.events = events;
    let challenge = challenge(purpose);
    let identifier = codes.ceremonies.tokens.sign_challenge(&challenge);
    let reason = ReleaseReason::NotMyAccount;
    let released = codes.release(&caller(origin), &identifier, reason).await;
    (released, heard.take())
}

#[tokio::test]
async fn the_challenge_of_a_claim_gives_its_code_back_and_that_is_told() {
    let (released, heard) = release(releasing(|| Ok(())), ONE, with_code(&user(3))).await;
    assert!(released.is_ok());
    assert_eq!(heard, [(Event::ReleaseCode, None)]);
}

#[tokio::test]
async fn what_is_over_is_given_back_no_more() {
    let over = releasing(|| Err(ReleaseError::Lost));
    let (released, heard) = release(over, ONE, with_code(&user(3))).await;
    assert!(matches!(released, Err(ReleaseCodeError::InvalidChallenge)));
    let refused = Some(Reason::ChallengeInvalid);
    assert_eq!(heard, [(Event::ReleaseCode, refused)]);
}

#[tokio::test]
async fn nothing_is_asked_of_the_store_for_another_challenge_or_a_strange_page() {
    let untouched = MockCredentialCodeStore::new;
    let login = purpose::Login::default();
    let (released, _) = release(untouched(), ONE, login).await;
    assert!(matches!(released, Err(ReleaseCodeError::InvalidChallenge)));
    let strange = Some("https://unlisted.example");
    let (released, heard) = release(untouched(), strange, with_code(&user(3))).await;
    assert!(matches!(released, Err(ReleaseCodeError::OriginNotAllowed)));
    let refused = Some(Reason::OriginNotAllowed);
    assert_eq!(heard, [(Event::ReleaseCode, refused)]);
}

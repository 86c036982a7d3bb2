//! What of a credential is read when it signs an action.

use latchkey_domain::credential::{CredentialId, CredentialReference, key::PublicKey};

use super::*;
use crate::ports::proof_verifier::AuthenticatorState;

/// What of the first credential is asked of the store, of a user with these.
enum Read {
    Never,
    /// Once, of the credential of that number, which has this answer.
    Once(u8, bool),
}

/// Signs with one of the user's credentials, and says what comes of it.
struct Signing {
    /// The session began with the first one.
    credentials: Vec<Material>,
    answer: fn(&mut FactorAnswer),
    read: Read,
    /// What is found of each proof, one after another.
    verified: Vec<Result<Option<AuthenticatorState>, ProofError>>,
    kept: Option<Result<(), UseError>>,
    /// Whether a regression is noted, and what is said to that.
    noted: Option<bool>,
}

impl Signing {
    /// With the credential that the session began with.
    fn own() -> Self {
        Self {
            credentials: vec![key(), key()],
            answer: |_by_its_id| (),
            read: Read::Never,
            verified: vec![Ok(None)],
            kept: Some(Ok(())),
            noted: None,
        }
    }

    async fn outcome(self) -> Result<(), FactorError> {
        let held = account(1, self.credentials);
        let own_key = held.credentials[0].material.public_key().clone();
        let mut accounts = MockAccountStore::new();
        let listed = signers(&held);
        accounts
            .expect_find_signers()
            .return_once(move |_| Ok(Some(listed)));
        match self.read {
            Read::Never => accounts.expect_find_credential().never(),
            Read::Once(number, is_there) => accounts
                .expect_find_credential()
                .times(1)
                .withf(move |_, reference| {
                    let id = CredentialId::new(format!("credential-{number}")).unwrap();
                    reference.names(&id, &uuid(number))
                })
                .return_once(move |_, _| {
                    let credential = held.credentials[usize::from(number) - 1].clone();
                    let user = held.user;
                    Ok(is_there.then_some(HeldCredential { credential, user }))
                }),
        };
        let mut verifier = MockProofVerifier::new();
        for verified in self.verified {
            verifier
                .expect_verify_assertion()
                .times(1)
                .return_once(move |_, _, _| verified);
        }
        verifier
            .expect_verify_for_nobody()
            .returning(|_, _| ProofError::Signature);
        let mut store = MockSignInStore::new();
        if let Some(kept) = self.kept {
            store
                .expect_sign_action()
                .times(1)
                .withf(move |_, _, evidence| evidence.public_key == own_key)
                .return_once(move |_, _, _| kept);
        }
        let mut credentials = MockCredentialStore::new();
        if let Some(noted) = self.noted {
            credentials
                .expect_note_counter_regression()
                .times(1)
                .withf(|credential, _, _| *credential == uuid(1))
                .return_once(move |_, _, _| Ok(noted));
        }
        let mut actions = user_actions(store);
        actions.factors.accounts = Arc::new(accounts);
        actions.factors.credentials = Arc::new(credentials);
        actions.factors.ceremonies.verifier = Arc::new(verifier);
        let mut answer = answer(&begin(&actions).await);
        (self.answer)(&mut answer);
        let session = session(&user(1));
        let signed = actions.complete(&caller(None), &session, &answer).await;
        signed.map(|_token| ())
    }
}

#[tokio::test]
async fn who_signs_with_the_credential_of_the_session_has_nothing_read() {
    Signing::own().outcome().await.unwrap();
    let by_its_uuid = Signing {
        answer: |answer| answer.first.credential = CredentialReference::Uuid(uuid(1)),
        ..Signing::own()
    };
    by_its_uuid.outcome().await.unwrap();
}

#[tokio::test]
async fn another_credential_is_read() {
    let other = Signing {
        answer: |answer| answer.first = assertion("credential-2"),
        read: Read::Once(2, true),
        ..Signing::own()
    };
    other.outcome().await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_read_alone() {
    let both = Signing {
        answer: |answer| answer.second = Some(assertion("credential-2")),
        read: Read::Once(2, true),
        verified: vec![Ok(None), Ok(None)],
        ..Signing::own()
    };
    both.outcome().await.unwrap();
}

/// As one of an earlier release does not.
#[tokio::test]
async fn a_credential_that_the_challenge_does_not_say_is_read() {
    let mut long = account(1, vec![key()]).credentials.remove(0).material;
    if let Material::Key(pair) = &mut long {
        pair.public_key = PublicKey::from_spki_der(vec![1; SessionSigner::MAXIMUM]);
    }
    let signing = Signing {
        credentials: vec![long],
        read: Read::Once(1, true),
        ..Signing::own()
    };
    signing.outcome().await.unwrap();
}

#[tokio::test]
async fn what_is_not_true_of_the_signer_that_is_known_is_judged_by_what_is_kept() {
    for (is_there, again, expected) in [
        (true, vec![Err(ProofError::Signature)], "firstFactor"),
        (false, vec![], "unknown"),
    ] {
        let untrue = Signing {
            read: Read::Once(1, is_there),
            verified: [vec![Err(ProofError::Signature)], again].concat(),
            kept: None,
            ..Signing::own()
        };
        assert_eq!(refusal(untrue.outcome().await), expected);
    }
    // It was found true of what is kept.
    let anew = Signing {
        read: Read::Once(1, true),
        verified: vec![Err(ProofError::Signature), Ok(None)],
        ..Signing::own()
    };
    anew.outcome().await.unwrap();
}

#[tokio::test]
async fn a_counter_that_the_challenge_did_not_know_is_noted() {
    let counted = |sign_count| {
        let backed_up = false;
        Ok(Some(AuthenticatorState {
            sign_count,
            backed_up,
        }))
    };
    // An answer that is sent again has the counter it had.
    for (noted, expected) in [(true, "firstFactor"), (false, "challenge")] {
        let regressed = Signing {
            read: Read::Once(1, true),
            verified: vec![counted(7), Err(ProofError::CounterRegressed)],
            kept: Some(Err(UseError::CounterRegressed)),
            noted: Some(noted),
            ..Signing::own()
        };
        assert_eq!(refusal(regressed.outcome().await), expected);
    }
}

#[tokio::test]
async fn what_was_taken_away_since_the_challenge_is_refused_as_if_it_had_been_read_before() {
    let void = || Some(Err(AuthorityConflict::Void.into()));
    for (is_there, verified, expected) in [
        (true, vec![Ok(None), Ok(None)], "challenge"),
        (false, vec![Ok(None)], "unknown"),
    ] {
        let gone = Signing {
            read: Read::Once(1, is_there),
            verified,
            kept: void(),
            ..Signing::own()
        };
        assert_eq!(refusal(gone.outcome().await), expected);
    }
    // Of what the challenge did not know nothing is read twice.
    let other = Signing {
        answer: |answer| answer.first = assertion("credential-2"),
        read: Read::Once(2, true),
        kept: void(),
        ..Signing::own()
    };
    assert_eq!(refusal(other.outcome().await), "challenge");
}

/// What a refusal is about.
fn refusal(outcome: Result<(), FactorError>) -> &'static str {
    match outcome {
        Err(FactorError::Proof { member, .. }) => member,
        Err(FactorError::UnknownCredential) => "unknown",
        Err(FactorError::InvalidChallenge) => "challenge",
        other => panic!("{other:?}"),
    }
}

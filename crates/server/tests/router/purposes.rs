//! Ceremonies never mix: a challenge completes the ceremony it was made for and no other, once, in time,
//! and with a true proof.

use std::time::Duration;

use serde_json::json;

use crate::support::{operations::Ceremony, stage::Stage};

#[tokio::test]
async fn every_ordered_pair_of_ceremonies_mixed_up_is_refused() {
    let stage = Stage::new().await;
    for begun in Ceremony::ALL {
        let person = stage.colleague(&stage.ada).await;
        let challenge = begun.begin(&stage, &person).await;
        for completed in Ceremony::ALL.into_iter().filter(|other| *other != begun) {
            let mixed = completed.completion(&person, &challenge);
            mixed.send().await.refused_challenge();
        }
        // Nothing of this used it up, and the proofs were true: in its own ceremony it works.
        let good = begun.completion(&person, &challenge);
        good.send().await.ok();
        // And once only, with whatever proof.
        good.send().await.refused_challenge();
        let again = begun.completion(&person, &challenge);
        again.send().await.refused_challenge();
    }
}

#[tokio::test]
async fn every_challenge_must_be_signed_itself_and_stays_until_it_is() {
    let stage = Stage::new().await;
    for ceremony in Ceremony::ALL {
        let person = stage.colleague(&stage.ada).await;
        let challenge = ceremony.begin(&stage, &person).await;
        let mut other = challenge.clone();
        other["challenge"] = json!("Y2gtYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ");
        let (status, code) = match ceremony {
            // It is of a key that no login lists without a code, and whether there was one is not told.
            Ceremony::Login => (401, "no_usable_credential"),
            Ceremony::UserAction => (401, "factor_refused"),
            Ceremony::Registration
            | Ceremony::Recovery
            | Ceremony::Credential
            | Ceremony::CredentialWithCode => (400, "proof_refused"),
        };
        for _ in 0..2 {
            let untrue = ceremony.completion(&person, &other);
            untrue.send().await.refused(status, code);
        }
        let good = ceremony.completion(&person, &challenge);
        good.send().await.ok();
    }
}

#[tokio::test]
async fn every_challenge_lives_as_long_as_it_may_and_no_longer() {
    let stage = Stage::new().await;
    for ceremony in Ceremony::ALL {
        let minutes = match ceremony {
            // They come with a temporary token.
            Ceremony::Registration | Ceremony::Recovery => 15,
            Ceremony::Login
            | Ceremony::UserAction
            | Ceremony::Credential
            | Ceremony::CredentialWithCode => 5,
        };
        let life = Duration::from_mins(minutes);
        let just_before = life.checked_sub(Duration::from_millis(1)).unwrap();
        for (wait, works) in [(just_before, true), (life, false)] {
            let person = stage.colleague(&stage.ada).await;
            let challenge = ceremony.begin(&stage, &person).await;
            stage.world.wait(wait);
            let answer = ceremony.completion(&person, &challenge).send().await;
            if works {
                answer.ok();
            } else {
                answer.refused_challenge();
            }
        }
    }
}

//! Ceremonies never mix: a challenge completes the ceremony it was made for and no other.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, World},
};

/// The ceremonies: one init and one completing call each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ceremony {
    Registration,
    Login,
    Action,
    Credential,
    CredentialWithCode,
}

impl Ceremony {
    const ALL: [Self; 5] = [
        Self::Registration,
        Self::Login,
        Self::Action,
        Self::Credential,
        Self::CredentialWithCode,
    ];

    /// Begins it. The answer's challenge and identifier are in the same members for all of them.
    async fn begin(self, world: &World, ada: &SignedIn) -> Value {
        let place = world.stranger();
        let mut challenge = match self {
            Self::Registration => {
                let invited = world.invite(&world.acme, "invited@example.com").await;
                place.begin_registration(&invited).await.ok()
            }
            Self::Login => place.begin_login(&world.acme, ADA).await.ok(),
            Self::Action => ada.begin_action("POST", "/x", "").await.ok(),
            Self::Credential => ada.begin_credential("Key").await.ok(),
            Self::CredentialWithCode => {
                let codes = ada.code(world.now()).await;
                place.begin_with_code("Key", &codes.short).await.ok()
            }
        };
        if self == Self::Registration {
            challenge["challengeIdentifier"] = challenge["temporaryAuthenticationToken"].clone();
        }
        challenge
    }

    /// Completes it with a true proof for `challenge`, whichever ceremony that is of.
    async fn complete(self, world: &World, ada: &SignedIn, challenge: &Value) -> Answer {
        let place = world.stranger();
        match self {
            Self::Registration => {
                let token = challenge["challengeIdentifier"].as_str().unwrap();
                let body = json!({ "firstFactorCredential": Signer::key().create(challenge) });
                place.bearing(token).post("/auth/registration", &body).await
            }
            Self::Login => place.complete_login(challenge, &ada.signer).await,
            Self::Action => ada.complete_action(challenge, &ada.signer).await,
            Self::Credential => {
                let body = Signer::key().named_credential(challenge, "x");
                ada.signed(Method::POST, "/auth/credentials", Some(&body))
                    .await
            }
            Self::CredentialWithCode => place.verify(challenge, &Signer::key()).await,
        }
    }
}

#[tokio::test]
async fn every_ordered_pair_of_ceremonies_mixed_up_is_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    for begun in Ceremony::ALL {
        let challenge = begun.begin(&world, &ada).await;
        for completed in Ceremony::ALL.into_iter().filter(|other| *other != begun) {
            let answer = completed.complete(&world, &ada, &challenge).await;
            assert_eq!(
                (answer.status, answer.code()),
                (400, "challenge_invalid"),
                "{begun:?} completed as {completed:?}: {}",
                answer.body
            );
            answer.saying("Challenge token is not valid.");
        }
        // Nothing of this used it up, and the proofs were true: in its own ceremony it works.
        begun.complete(&world, &ada, &challenge).await.ok();
        // And once only.
        let again = begun.complete(&world, &ada, &challenge).await;
        assert_eq!(
            (again.status, again.code()),
            (400, "challenge_invalid"),
            "{begun:?} twice: {}",
            again.body
        );
    }
}

#[tokio::test]
async fn a_challenge_for_a_code_does_not_add_a_credential_for_the_signed_in_user() {
    // Signed in and with a user action over exactly this body: still only verify takes it.
    let world = World::new().await;
    let ada = world.ada().await;
    let challenge = Ceremony::CredentialWithCode.begin(&world, &ada).await;
    let body = Signer::key().named_credential(&challenge, "x");
    let refused = ada
        .signed(Method::POST, "/auth/credentials", Some(&body))
        .await;
    refused.refused_challenge();
    assert_eq!(ada.code_state().await, "Claimed");
}

#[tokio::test]
async fn the_challenge_of_another_ceremony_does_not_fit_an_identifier() {
    let world = World::new().await;
    let ada = world.ada().await;
    let login = Ceremony::Login.begin(&world, &ada).await;
    let action = Ceremony::Action.begin(&world, &ada).await;
    for (identifier, signed) in [(&login, &action), (&action, &login)] {
        let mut mixed = signed.clone();
        mixed["challengeIdentifier"] = identifier["challengeIdentifier"].clone();
        let ceremony = if identifier == &login {
            Ceremony::Login
        } else {
            Ceremony::Action
        };
        let refused = ceremony.complete(&world, &ada, &mixed).await;
        refused.refused(401, "factor_refused");
    }
}

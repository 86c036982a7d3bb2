//! Several replicas on one database: any of them completes what another began.

use std::time::Duration;

use latchkey_crypto::{entropy::SystemEntropy, secrets::Secrets};
use latchkey_service::ports::clock::Clock as _;
use serde_json::json;

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    stranger::Stranger,
    world::{ADA, Circumstances, ONE, TWO, World},
};

const DAY: Duration = Duration::from_hours(24);

/// The secrets of the world with a new signing key.
fn rotated(world: &World) -> Secrets {
    let now = world.clock.now();
    world.secrets().rotate(&SystemEntropy, now, DAY).unwrap()
}

#[tokio::test]
async fn every_call_may_go_to_another_replica() {
    let world = World::with(Circumstances::default().on_postgres()).await;
    let replicas = [
        world.replica(world.secrets()).await.at(ONE),
        world.replica(world.secrets()).await.at(ONE),
    ];
    let [a, b] = &replicas;
    let signer = Signer::passkey(ONE);

    let invited = world.invite(&world.acme, ADA).await;
    let challenge = a.begin_registration(&invited).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({ "firstFactorCredential": signer.create(&challenge) });
    b.bearing(token)
        .post("/auth/registration", &body)
        .await
        .ok();
    b.begin_registration(&invited).await.refused_code();

    let challenge = b.begin_login(&world.acme, ADA).await.ok();
    let answer = a.complete_login(&challenge, &signer).await.ok();
    let again = b.complete_login(&challenge, &signer).await;
    again.refused(400, "challenge_invalid");
    let on = |place: &Stranger| SignedIn::new(place, answer["token"].as_str().unwrap(), &signer);

    let codes = on(b).code(world.now()).await;
    let place = a.at(TWO);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    let late = b.begin_with_code("Key", &codes.long).await;
    late.refused_code();
    let second = Signer::passkey(TWO);
    b.at(TWO).verify(&challenge, &second).await.ok();
    let late = place.verify(&challenge, &Signer::passkey(TWO)).await;
    late.refused_challenge();

    on(a).log_out(false).await.ok();
    assert!(!on(b).is_signed_in().await);
}

#[tokio::test]
async fn a_retired_signing_key_is_accepted_and_published() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let challenge = world.stranger().begin_with_code("Key", &codes.short).await;
    let challenge = challenge.ok();

    let rotated = world.replica(rotated(&world)).await;
    assert!(ada.moved_to(&rotated).is_signed_in().await);
    rotated.verify(&challenge, &Signer::key()).await.ok();
    let keys = async |place: &Stranger| {
        let jwks = place.get("/.well-known/jwks.json").await.ok();
        let keys = jwks["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = keys(&world.stranger()).await;
    let after = keys(&rotated).await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[1..], before[..]);

    // The newest key signs; a replica that does not know it yet refuses what it signed.
    let newer = rotated.sign_in(&world.acme, ADA, &ada.signer).await;
    assert!(newer.is_signed_in().await);
    assert!(!newer.moved_to(&world.stranger()).is_signed_in().await);
}

#[tokio::test]
async fn codes_outlive_the_rotation_of_signing_keys() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let rotated = world.replica(rotated(&world)).await;
    rotated.enrol(&codes.short, &Signer::key()).await.ok();
}

#[tokio::test]
async fn other_secrets_open_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let other = Secrets::generate(&SystemEntropy, world.clock.now()).unwrap();
    let stranger = world.replica(other).await;
    assert!(!ada.moved_to(&stranger).is_signed_in().await);
    stranger
        .begin_with_code("Key", &codes.long)
        .await
        .refused_code();
}

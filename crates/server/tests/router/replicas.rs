//! Several replicas on one database: any of them completes what another began.

use std::time::Duration;

use latchkey_crypto::{entropy::SystemEntropy, secrets::Secrets};
use latchkey_service::ports::clock::Clock as _;

use crate::support::{
    signer::Signer,
    stranger::Stranger,
    world::{ADA, World},
};

const DAY: Duration = Duration::from_hours(24);

/// The secrets of the world with a new signing key.
fn rotated(world: &World) -> Secrets {
    let now = world.clock.now();
    world.secrets().rotate(&SystemEntropy, now, DAY).unwrap()
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

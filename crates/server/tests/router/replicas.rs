//! Several replicas on one database: any of them completes what another began.

use latchkey_crypto::{
    entropy::SystemEntropy,
    secrets::{PUBLISHED_BEFORE, Secrets},
};
use latchkey_service::ports::clock::Clock as _;

use crate::support::{
    signer::Signer,
    stranger::Stranger,
    world::{ADA, World},
};

/// The secrets of the world with a new signing key, published and not signing.
fn published(world: &World) -> Secrets {
    let now = world.clock.now();
    world.secrets().with_next_key(&SystemEntropy, now).unwrap()
}

/// The same when that key signs.
fn rotated(world: &World) -> Secrets {
    let ready = world.clock.now().plus(PUBLISHED_BEFORE);
    published(world)
        .signing_with_next_key(ready, PUBLISHED_BEFORE)
        .unwrap()
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

    // The first key signs; a replica that does not know it refuses what it signed.
    let newer = rotated.sign_in(&world.acme, ADA, &ada.signer).await;
    assert!(newer.is_signed_in().await);
    assert!(!newer.moved_to(&world.stranger()).is_signed_in().await);
}

#[tokio::test]
async fn what_is_signed_where_a_next_key_is_published_is_accepted_where_it_is_not_known() {
    let world = World::new().await;
    let ada = world.ada().await;
    let replica = world.replica(published(&world)).await;
    let jwks = replica.get("/.well-known/jwks.json").await.ok();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    let there = replica.sign_in(&world.acme, ADA, &ada.signer).await;
    assert!(there.moved_to(&world.stranger()).is_signed_in().await);
}

#[tokio::test]
async fn codes_outlive_the_rotation_of_signing_keys() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let rotated = world.replica(rotated(&world)).await;
    rotated.enrol(&codes.short, &Signer::key()).await.ok();
}

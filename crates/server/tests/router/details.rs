//! What helps an owner to tell credentials apart: details, and names of their own.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    signer::Signer,
    world::{ADA, ONE, TWO, World},
};

#[tokio::test]
async fn how_and_from_where_a_credential_was_made_is_told() {
    let world = World::new().await;
    let first = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &first).await;
    let second = Signer::key();
    ada.create(&second).await.ok();
    let third = Signer::passkey(TWO);
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO).from("198.51.100.7");
    let made = place.enrol(&codes.short, &third).await.ok();
    assert_eq!(made, ada.credential_of(&third).await);
    for (signer, by, origin, address) in [
        (&first, "registration", ONE, "192.0.2.1"),
        (&second, "credential", ONE, "192.0.2.1"),
        (&third, "code", TWO, "198.51.100.7"),
    ] {
        let credential = ada.credential_of(signer).await;
        assert_eq!(credential["createdBy"], by);
        assert_eq!(credential["createdOrigin"], origin);
        assert_eq!(credential["createdAddress"], address);
    }
}

#[tokio::test]
async fn passkeys_tell_their_authenticator_and_keys_do_not() {
    let world = World::new().await;
    let passkey = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &passkey).await;
    let key = Signer::key();
    ada.create(&key).await.ok();
    let told = ada.credential_of(&passkey).await;
    assert!(told["aaguid"].is_string(), "{told}");
    assert!(told["backupEligible"].is_boolean(), "{told}");
    assert!(told["backedUp"].is_boolean(), "{told}");
    let told = ada.credential_of(&key).await;
    for member in ["aaguid", "provider", "backupEligible", "backedUp"] {
        assert_eq!(told[member], Value::Null, "{member}");
    }
}

#[tokio::test]
async fn the_last_use_is_told_once_there_was_one() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    let made = ada.create(&spare).await.ok();
    assert_eq!(made["lastUsedAt"], Value::Null);
    world.wait(Duration::from_secs(1));
    world
        .stranger()
        .sign_in(&world.acme, ADA, &spare)
        .await
        .credentials()
        .await;
    let used = ada.credential_of(&spare).await;
    assert_eq!(used["lastUsedAt"], "2026-01-01T00:00:01.000Z");
}

#[tokio::test]
async fn a_credential_is_renamed_whether_active_or_not() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    let before = ada.create(&spare).await.ok();
    let uuid = before["credentialUuid"].as_str().unwrap();
    let renamed = ada.rename(uuid, "Türöffner 🗝").await.ok();
    assert_eq!(renamed["name"], "Türöffner 🗝");
    assert_eq!(renamed, ada.credential_of(&spare).await);
    let mut expected = before.clone();
    expected["name"] = renamed["name"].clone();
    assert_eq!(renamed, expected);
    // Inactive ones too.
    ada.deactivate(uuid).await.ok();
    ada.rename(uuid, "Old").await.ok();
    assert_eq!(ada.credential_of(&spare).await["name"], "Old");
}

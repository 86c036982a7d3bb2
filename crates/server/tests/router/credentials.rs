//! Credentials: a signed-in user lists, adds, deactivates and deletes them.

use axum::http::Method;
use serde_json::json;

use crate::support::{
    signer::{KINDS, Signer},
    world::{ADA, TWO, World, host},
};

#[tokio::test]
async fn every_kind_can_be_added() {
    let world = World::new().await;
    let ada = world.ada().await;
    for kind in KINDS {
        let signer = Signer::of(kind, TWO);
        let made = ada
            .moved_to(&world.stranger().at(TWO))
            .create(&signer)
            .await
            .ok();
        assert_eq!(made["kind"], kind);
        assert_eq!(made["credentialId"], signer.id());
        assert_eq!(made["name"], "Another one");
        assert_eq!(made["isActive"], true);
        assert_eq!(made["dateCreated"], "2026-01-01T00:00:00.000Z");
        let fingerprint = made["publicKey"].as_str().unwrap();
        assert!(fingerprint.starts_with("SHA256:"), "{fingerprint}");
        let (rp_id, origin) = match kind {
            "Fido2" => (host(TWO), TWO),
            _ => ("", ""),
        };
        assert_eq!(made["relyingPartyId"], rp_id);
        assert_eq!(made["origin"], origin);
        assert_eq!(ada.credential_of(&signer).await, made);
    }
    assert_eq!(ada.credentials().await.len(), 5);
}

#[tokio::test]
async fn a_new_recovery_key_takes_the_place_of_every_other_one_where_that_is_asked_for() {
    let world = World::new().await;
    let ada = world.ada().await;
    let [one, two, three] = [(); 3].map(|()| Signer::recovery_key());
    for kit in [&one, &two] {
        // Published clients add one beside the others.
        world.tick();
        ada.create(kit).await.ok();
    }
    let recovery_keys = async || {
        let held = ada.credentials().await.into_iter();
        let kits = held.filter(|credential| credential["kind"] == "RecoveryKey");
        kits.map(|kit| kit["credentialId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(recovery_keys().await, [one.id(), two.id()]);
    let codes = ada.code(world.now()).await;
    world.tick();
    let made = ada.renew_recovery_key(&three).await.ok();
    assert_eq!(made["kind"], "RecoveryKey");
    assert_eq!(made["isActive"], true);
    assert_eq!(made["recoveryKeysReplaced"], true);
    assert_eq!(recovery_keys().await, [three.id()]);
    // As whenever a credential is taken away.
    let refused = world.stranger().begin_with_code("Key", &codes.short).await;
    refused.refused_code();
    let told = world.told(ADA).await;
    let text = &told.last().unwrap().content.text;
    assert!(text.contains("Every earlier one has ended"), "{text}");
    assert_eq!(ada.credentials().await.len(), 2);
}

#[tokio::test]
async fn nothing_but_a_recovery_key_takes_the_place_of_one_and_nothing_is_lost_then() {
    let world = World::new().await;
    let ada = world.ada().await;
    let kit = Signer::recovery_key();
    ada.create(&kit).await.ok();
    let challenge = ada.begin_credential("Key").await.ok();
    let mut body = Signer::key().named_credential(&challenge, "Key");
    body["replacesRecoveryKeys"] = json!(true);
    let refused = ada
        .signed(Method::POST, "/auth/credentials", Some(&body))
        .await;
    refused
        .refused(400, "invalid_field")
        .about("replacesRecoveryKeys");
    // One that is taken already takes no place either.
    let refused = ada.renew_recovery_key(&kit).await;
    refused.refused(409, "credential_id_taken");
    assert_eq!(ada.credential_of(&kit).await["isActive"], true);
    assert_eq!(ada.credentials().await.len(), 2);
}

#[tokio::test]
async fn activating_and_deactivating_are_idempotent() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let is_active = async || ada.credential_of(&spare).await["isActive"] == true;
    for _ in 0..2 {
        let answer = ada.deactivate(&uuid).await.ok();
        assert_eq!(answer, json!({ "message": "success" }));
        assert!(!is_active().await);
    }
    for _ in 0..2 {
        let answer = ada.activate(&uuid).await.ok();
        assert_eq!(answer, json!({ "message": "success" }));
        assert!(is_active().await);
    }
}

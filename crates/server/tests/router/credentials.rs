//! Credentials: a signed-in user lists, adds, deactivates and deletes them.

use serde_json::json;

use crate::support::{
    signer::{KINDS, Signer},
    world::{TWO, World, host},
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

//! Credentials: a signed-in user lists, adds, deactivates and deletes them.

use axum::http::Method;
use serde_json::json;

use crate::support::{
    signer::{FACTORS, KINDS, Signer},
    world::{ADA, ONE, TWO, World, host},
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
async fn every_added_credential_that_signs_in_signs_in() {
    let world = World::new().await;
    let ada = world.ada().await;
    for kind in FACTORS {
        let signer = Signer::of(kind, ONE);
        let place = world.stranger().at(ONE);
        ada.moved_to(&place).create(&signer).await.ok();
        let again = place.sign_in(&world.acme, ADA, &signer).await;
        assert!(again.is_signed_in().await, "{kind}");
    }
}

#[tokio::test]
async fn the_challenge_excludes_the_passkeys_of_that_application_alone() {
    let world = World::new().await;
    let ada = world.ada().await;
    for origin in [ONE, TWO] {
        let place = world.stranger().at(origin);
        ada.moved_to(&place)
            .create(&Signer::passkey(origin))
            .await
            .ok();
    }
    let here = ada.moved_to(&world.stranger().at(ONE));
    let challenge = here.begin_credential("Fido2").await.ok();
    let excluded = challenge["excludeCredentials"].as_array().unwrap();
    assert_eq!(excluded.len(), 1);
    assert_eq!(challenge["rp"]["id"], host(ONE));
    assert_eq!(
        challenge["temporaryAuthenticationToken"],
        challenge["challengeIdentifier"]
    );
    assert_eq!(challenge["otpUrl"], "");
    let key = here.begin_credential("Key").await.ok();
    assert!(key.get("excludeCredentials").is_none());
}

#[tokio::test]
async fn the_kind_asked_for_is_the_kind_made() {
    let world = World::new().await;
    let ada = world.ada().await;
    let challenge = ada.begin_credential("Key").await.ok();
    for kind in ["Fido2", "PasswordProtectedKey", "RecoveryKey"] {
        let body = Signer::of(kind, ONE).named_credential(&challenge, "x");
        let refused = ada
            .signed(Method::POST, "/auth/credentials", Some(&body))
            .await;
        refused.refused_challenge();
    }
}

#[tokio::test]
async fn a_challenge_belongs_to_the_session_that_asked() {
    let world = World::new().await;
    let ada = world.ada().await;
    let other = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    let challenge = ada.begin_credential("Key").await.ok();
    let body = Signer::key().named_credential(&challenge, "x");
    let refused = other
        .signed(Method::POST, "/auth/credentials", Some(&body))
        .await;
    refused.refused_challenge();
    ada.signed(Method::POST, "/auth/credentials", Some(&body))
        .await
        .ok();
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

#[tokio::test]
async fn an_inactive_credential_neither_signs_in_nor_signs_actions() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let login = world.stranger().begin_login(&world.acme, ADA).await.ok();
    let action = ada.begin_action("POST", "/x", "").await.ok();
    ada.deactivate(&uuid).await.ok();
    let refused = world.stranger().complete_login(&login, &spare).await;
    refused.refused_challenge();
    let refused = ada.complete_action(&action, &spare).await;
    refused.refused_challenge();
    ada.activate(&uuid).await.ok();
    world.stranger().complete_login(&login, &spare).await.ok();
    ada.complete_action(&action, &spare).await.ok();
}

#[tokio::test]
async fn a_deleted_credential_is_gone() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    assert_eq!(ada.remove(&uuid).await.ok(), json!({}));
    assert_eq!(ada.credentials().await.len(), 1);
    let login = world.stranger().begin_login(&world.acme, ADA).await.ok();
    let refused = world.stranger().complete_login(&login, &spare).await;
    refused.refused(401, "no_usable_credential");
    ada.remove(&uuid).await.refused(404, "credential_not_found");
}

#[tokio::test]
async fn removing_a_credential_may_send_an_empty_object() {
    let world = World::new().await;
    let ada = world.ada().await;
    for body in [None, Some(json!({}))] {
        let spare = Signer::key();
        ada.create(&spare).await.ok();
        let path = format!("/auth/credentials/{}", ada.uuid_of(&spare).await);
        let answer = ada.signed(Method::DELETE, &path, body.as_ref()).await;
        assert_eq!(answer.ok(), json!({}));
    }
}

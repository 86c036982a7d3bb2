//! Create Credential With Code, from place to place: the main flow.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    signer::{FACTORS, KINDS, Signer},
    world::{ADA, ONE, TWO, World, host},
};

#[tokio::test]
async fn every_kind_is_made_in_the_second_place() {
    let world = World::new().await;
    let ada = world.ada().await;
    for kind in KINDS {
        let codes = ada.code(world.now()).await;
        let place = world.stranger().at(TWO);
        let signer = Signer::of(kind, TWO);
        let made = place.enrol(&codes.short, &signer).await.ok();
        assert_eq!(made["kind"], kind);
        assert_eq!(made["name"], "Second place");
        assert_eq!(ada.credential_of(&signer).await, made);
        assert_eq!(ada.code_state().await, "Redeemed");
    }
}

#[tokio::test]
async fn the_new_credential_signs_in_where_it_was_made() {
    for kind in FACTORS {
        let world = World::new().await;
        let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
        let codes = ada.code(world.now()).await;
        let place = world.stranger().at(TWO);
        let signer = Signer::of(kind, TWO);
        place.enrol(&codes.long, &signer).await.ok();
        let there = place.sign_in(&world.acme, ADA, &signer).await;
        assert_eq!(there.credentials().await, ada.credentials().await);
        // The circle closes: what was made with a code issues the next one.
        let codes = there.code(world.now()).await;
        let back = Signer::passkey(ONE);
        let place = world.stranger().at(ONE);
        place.enrol(&codes.short, &back).await.ok();
    }
}

#[tokio::test]
async fn the_flow_crosses_relying_parties() {
    let world = World::new().await;
    let one = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &one).await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    assert_eq!(
        challenge["rp"],
        json!({ "id": host(TWO), "name": host(TWO) })
    );
    // The passkey of the first place does not stand in the way of the second.
    assert_eq!(challenge["excludeCredentials"], json!([]));
    let two = Signer::passkey(TWO);
    let made = place.verify(&challenge, &two).await.ok();
    assert_eq!(made["relyingPartyId"], host(TWO));
    assert_eq!(made["origin"], TWO);
    // Each passkey works in its own place alone.
    for (signer, wrong) in [(&one, TWO), (&two, ONE)] {
        let place = world.stranger().at(wrong);
        let login = place.begin_login(&world.acme, ADA).await.ok();
        let refused = place.complete_login(&login, signer).await;
        refused.refused(401, "factor_refused");
    }
}

#[tokio::test]
async fn the_answer_has_what_mobile_clients_read() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    for member in [
        "kind",
        "user",
        "challengeIdentifier",
        "temporaryAuthenticationToken",
        "challenge",
        "rp",
        "attestation",
        "pubKeyCredParams",
        "authenticatorSelection",
        "excludeCredentials",
        "otpUrl",
    ] {
        assert!(!challenge[member].is_null(), "{member}");
    }
    let kinds = &challenge["supportedCredentialKinds"];
    assert!(kinds["firstFactor"].is_array() && kinds["secondFactor"].is_array());
    let text = challenge["challenge"].as_str().unwrap();
    let decoded = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes());
    let decoded = String::from_utf8(decoded.unwrap()).unwrap();
    let symbols = decoded.strip_prefix("ch-").unwrap();
    assert!(symbols.len() >= 26, "{symbols}");
    let base36 = |symbol: char| symbol.is_ascii_digit() || symbol.is_ascii_lowercase();
    assert!(symbols.chars().all(base36), "{symbols}");
}

#[tokio::test]
async fn a_passkey_prompt_may_outlast_the_code() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    world.wait(Duration::from_secs(59));
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    world.wait(Duration::from_millis(299_999));
    place.verify(&challenge, &Signer::key()).await.ok();
}

#[tokio::test]
async fn the_kind_asked_for_is_the_kind_made() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let challenge = place
        .begin_with_code("RecoveryKey", &codes.short)
        .await
        .ok();
    for kind in FACTORS {
        let refused = place.verify(&challenge, &Signer::of(kind, ONE)).await;
        refused.refused_challenge();
    }
    let signer = Signer::recovery_key();
    place.verify(&challenge, &signer).await.ok();
}

#[tokio::test]
async fn deprecated_kinds_are_refused_without_claiming_the_code() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    for kind in ["Password", "Totp", "Passkey", ""] {
        let refused = place.begin_with_code(kind, &codes.short).await;
        refused
            .refused(400, "invalid_field")
            .about("credentialKind");
        let message = refused.body["message"].as_str().unwrap();
        for kind in KINDS {
            assert!(message.contains(kind), "{message}");
        }
    }
    assert_eq!(ada.code_state().await, "Issued");
    let body = json!({ "kind": "Key", "code": codes.short });
    let begun = place.post("/auth/credentials/code/init", &body).await;
    begun.ok();
}

#[tokio::test]
async fn a_username_that_is_given_must_be_the_owners() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let begin = async |username: &str, code: &str| {
        let body = json!({ "credentialKind": "Key", "code": code, "username": username });
        place.post("/auth/credentials/code/init", &body).await
    };
    for code in [&codes.short, &codes.long] {
        begin("bob@example.com", code).await.refused_code();
    }
    begin("ADA@example.com", &codes.short).await.ok();
}

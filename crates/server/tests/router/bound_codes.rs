//! Codes that say what they are for: for anything else they are wrong ones.

use latchkey_domain::id::ApplicationId;
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, ONE, TWO, World},
};

/// A code with these members in its request.
async fn issue(world: &World, ada: &SignedIn, members: Value) -> String {
    let mut body = members;
    body["expiration"] = json!(world.now() + 60_000);
    let issued = ada.request_code(&body).await.ok();
    issued["code"].as_str().unwrap().to_owned()
}

/// The id of the application at that origin.
async fn application(world: &World, origin: &str) -> Value {
    let place = world.stranger().at(origin);
    let here = place.get("/auth/application").await.ok();
    here["application"]["id"].clone()
}

#[tokio::test]
async fn a_code_for_one_application_is_a_wrong_one_everywhere_else() {
    let world = World::new().await;
    let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
    let two = application(&world, TWO).await;
    let code = issue(&world, &ada, json!({ "applicationId": two })).await;
    let elsewhere = world.stranger().at(ONE);
    elsewhere
        .begin_with_code("Fido2", &code)
        .await
        .refused_code();
    // Nothing has happened to it.
    let seen = ada.get("/auth/credentials/code").await.ok();
    assert_eq!(
        (&seen["state"], &seen["applicationId"]),
        (&json!("Issued"), &two)
    );
    let there = world.stranger().at(TWO);
    there.enrol(&code, &Signer::passkey(TWO)).await.ok();
}

#[tokio::test]
async fn a_native_client_makes_what_the_code_is_for_and_nothing_else() {
    let world = World::new().await;
    let ada = world.ada().await;
    let two = application(&world, TWO).await;
    let code = issue(&world, &ada, json!({ "applicationId": two })).await;
    let native = world.stranger();
    // Keys belong to no application, so they are wrong where no kind is named.
    for kind in ["Key", "PasswordProtectedKey", "RecoveryKey"] {
        native.begin_with_code(kind, &code).await.refused_code();
    }
    // The name of an application that is none of this organization's says nothing.
    let foreign = world.rival.applications[0].to_string();
    let named = native.with_header("x-dfns-appid", &foreign);
    let challenge = named.begin_with_code("Fido2", &code).await.ok();
    let other = native.verify(&challenge, &Signer::passkey(ONE)).await;
    other.refused(400, "proof_refused");
    native.verify(&challenge, &Signer::passkey(TWO)).await.ok();
}

#[tokio::test]
async fn a_code_for_some_kinds_is_a_wrong_one_for_others() {
    let world = World::new().await;
    let ada = world.ada().await;
    let kinds = json!({ "credentialKinds": ["RecoveryKey", "Fido2", "Fido2"] });
    let code = issue(&world, &ada, kinds).await;
    let place = world.stranger().at(TWO);
    for kind in ["Key", "PasswordProtectedKey"] {
        place.begin_with_code(kind, &code).await.refused_code();
    }
    let seen = ada.get("/auth/credentials/code").await.ok();
    assert_eq!(seen["credentialKinds"], json!(["Fido2", "RecoveryKey"]));
    place.enrol(&code, &Signer::passkey(TWO)).await.ok();
}

#[tokio::test]
async fn what_is_made_is_called_as_the_code_says() {
    let world = World::new().await;
    let ada = world.ada().await;
    let code = issue(&world, &ada, json!({ "credentialName": "My phone" })).await;
    let place = world.stranger().at(TWO);
    let challenge = place.begin_with_code("Fido2", &code).await.ok();
    assert_eq!(challenge["credentialName"], "My phone");
    let made = place.verify(&challenge, &Signer::passkey(TWO)).await.ok();
    assert_eq!(made["name"], "My phone");
}

#[tokio::test]
async fn a_code_is_for_nothing_that_there_is_not() {
    let world = World::new().await;
    let ada = world.ada().await;
    let unknown = ApplicationId::from_random(&[9; 32]);
    for id in [&unknown, &world.rival.applications[0]] {
        let body = json!({ "expiration": world.now() + 60_000, "applicationId": id.as_str() });
        let refused = ada.request_code(&body).await;
        refused
            .refused(404, "application_not_found")
            .about("applicationId");
    }
    let body = json!({ "expiration": world.now() + 60_000, "credentialKinds": [] });
    let refused = ada.request_code(&body).await;
    refused
        .refused(400, "invalid_field")
        .about("credentialKinds");
    let none = ada.get("/auth/credentials/code").await;
    none.refused(404, "code_not_found");
}

//! Tokens: signed, typed, bound to one installation, and void the moment they expire.

use std::time::Duration;

use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::policy::{Lifetimes, Policy};
use serde_json::{Value, json};

use crate::support::world::{Circumstances, World};

fn part(token: &str, index: usize) -> Value {
    let encoded = token.split('.').nth(index).unwrap();
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
    assert!(bytes.is_ascii(), "clients decode it as base64");
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_user_action_lives_five_minutes() {
    let world = World::new().await;
    let ada = world.ada().await;
    let path = "/auth/credentials/cr-aaaaa-aaaaa-aaaaaaaaaaaaaaaa";
    let action = ada.user_action(&Method::DELETE, path, "").await;
    let place = ada.with_action(&action);
    world.wait(Duration::from_millis(299_999));
    place
        .delete(path)
        .await
        .refused(404, "credential_not_found");
    world.wait(Duration::from_millis(1));
    place.delete(path).await.refused(403, "user_action_invalid");
}

#[tokio::test]
async fn lifetimes_are_configurable() {
    let lifetimes = Lifetimes {
        challenge: Duration::from_mins(1),
        user_action: Duration::from_mins(2),
        temporary_token: Duration::from_mins(3),
        session: Duration::from_mins(4),
        registration_code: Duration::from_mins(5),
    };
    let world = World::with(Circumstances {
        policy: Policy {
            lifetimes,
            ..Policy::default()
        },
        ..Circumstances::default()
    })
    .await;
    let expiry = |token: &Value| {
        let claims = part(token.as_str().unwrap(), 1);
        claims["exp"].as_i64().unwrap() - world.now() / 1_000
    };
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let registration = world.stranger().begin_registration(&invited).await.ok();
    assert_eq!(expiry(&registration["temporaryAuthenticationToken"]), 180);
    let ada = world.ada().await;
    assert_eq!(expiry(&json!(ada.token)), 240);
    let challenge = ada.begin_action("POST", "/x", "").await.ok();
    assert_eq!(expiry(&challenge["challengeIdentifier"]), 60);
    let answer = ada.complete_action(&challenge, &ada.signer).await.ok();
    assert_eq!(expiry(&answer["userAction"]), 120);
    world.wait(Duration::from_mins(5));
    let late = world.stranger().begin_registration(&invited).await;
    late.refused(400, "registration_code_expired");
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn the_metadata_names_the_issuer_and_the_keys_of_tokens() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger();
    let path = "/.well-known/oauth-authorization-server";
    let metadata = place.get(path).await.ok();
    let (head, claims) = (part(&ada.token, 0), part(&ada.token, 1));
    assert_eq!(metadata["issuer"], claims["iss"]);
    assert_eq!(metadata["issuer"], claims["aud"]);
    let keys = metadata["jwks_uri"].as_str().unwrap();
    let path = keys.strip_prefix("https://auth.example").unwrap();
    let keys = place.get(path).await.ok();
    assert_eq!(keys["keys"][0]["kid"], head["kid"]);
}

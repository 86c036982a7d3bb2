//! Tokens: signed, typed, bound to one installation, and void the moment they expire.

use std::time::Duration;

use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::policy::{Lifetimes, Policy};
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, Circumstances, World},
};

/// One token of each type, all of Ada.
struct Collection {
    session: String,
    challenge: String,
    user_action: String,
}

const LOGOUT: (&str, &str) = ("PUT", "/auth/logout");

impl Collection {
    async fn of(world: &World, ada: &SignedIn) -> Self {
        let challenge = world.stranger().begin_login(&world.acme, ADA).await.ok();
        Self {
            session: ada.token.clone(),
            challenge: challenge["challengeIdentifier"]
                .as_str()
                .unwrap()
                .to_owned(),
            user_action: ada
                .user_action(&Method::POST, "/auth/credentials/code", "{}")
                .await,
        }
    }

    fn all(&self) -> [&str; 3] {
        [&self.session, &self.challenge, &self.user_action]
    }
}

fn part(token: &str, index: usize) -> Value {
    let encoded = token.split('.').nth(index).unwrap();
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
    assert!(bytes.is_ascii(), "clients decode it as base64");
    serde_json::from_slice(&bytes).unwrap()
}

fn encode(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

/// Whether a token is taken as a session.
async fn is_session(world: &World, token: &str) -> bool {
    let place = world.stranger().bearing(token);
    match place.get("/auth/credentials").await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_token_says_what_it_is_who_signed_it_and_for_whom() {
    let world = World::new().await;
    let ada = world.ada().await;
    let jwks = world.stranger().get("/.well-known/jwks.json").await.ok();
    let key = &jwks["keys"][0];
    let mut types = Vec::new();
    for token in Collection::of(&world, &ada).await.all() {
        let header = part(token, 0);
        assert_eq!(header["alg"], "ES256");
        assert_eq!(header["kid"], key["kid"]);
        types.push(header["typ"].as_str().unwrap().to_owned());
        let claims = part(token, 1);
        assert!(claims["iss"].as_str().unwrap().starts_with("in-"));
        assert_eq!(claims["aud"], claims["iss"]);
        assert!(claims["exp"].is_i64());
    }
    types.sort();
    types.dedup();
    assert_eq!(types.len(), 3);
    for private in ["d", "k", "p", "q"] {
        assert!(key.get(private).is_none(), "{key}");
    }
}

#[tokio::test]
async fn a_session_has_the_claims_that_clients_read() {
    let world = World::new().await;
    let ada = world.ada().await;
    let claims = part(&ada.token, 1);
    let metadata = &claims["https://custom/app_metadata"];
    assert_eq!(metadata["orgId"], world.acme.organization);
    assert_eq!(metadata["userId"], ada.user_id().await);
    assert!(metadata["tokenId"].as_str().unwrap().starts_with("to-"));
    assert_eq!(claims["https://custom/username"], ADA);
    assert_eq!(claims["sub"], ada.user_id().await);
    let now = world.now() / 1_000;
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 6 * 60 * 60);
}

#[tokio::test]
async fn the_algorithm_is_not_the_tokens_to_choose() {
    let world = World::new().await;
    let ada = world.ada().await;
    let [header, claims, signature] = {
        let parts: Vec<_> = ada.token.split('.').collect();
        [parts[0], parts[1], parts[2]]
    };
    let original = part(&ada.token, 0);
    let mut forged = Vec::new();
    for algorithm in ["none", "None", "HS256", "RS256", "ES384", "EdDSA"] {
        let mut header = original.clone();
        header["alg"] = json!(algorithm);
        for signature in ["", signature] {
            forged.push(format!("{}.{claims}.{signature}", encode(&header)));
        }
    }
    for (member, value) in [
        ("typ", json!("JWT")),
        ("kid", json!("unknown")),
        ("kid", json!("../../secrets")),
        ("jwk", json!({ "kty": "EC" })),
        ("crit", json!(["b64"])),
    ] {
        let mut header = original.clone();
        header[member] = value;
        forged.push(format!("{}.{claims}.{signature}", encode(&header)));
    }
    let mut other = part(&ada.token, 1);
    other["exp"] = json!(i64::MAX);
    forged.push(format!("{header}.{}.{signature}", encode(&other)));
    forged.push(format!("{header}.{claims}."));
    forged.push(format!("{header}.{claims}"));
    forged.push(format!("{header}.{claims}.{signature}.{signature}"));
    forged.push(format!("{header}.{claims}.{signature}="));
    for token in forged {
        assert!(!is_session(&world, &token).await, "{token}");
    }
    assert!(is_session(&world, &ada.token).await);
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
async fn rubbish_is_no_token() {
    let world = World::new().await;
    for token in [
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "e30.e30.e30".to_owned(),
        "A".repeat(60_000),
        format!(
            "{}.{}.{}",
            "A".repeat(9_000),
            "B".repeat(9_000),
            "C".repeat(9_000)
        ),
    ] {
        assert!(!is_session(&world, &token).await);
        let body = json!({
            "challengeIdentifier": token,
            "firstFactor": Signer::key().sign(&json!("Y2gtYQ")),
        });
        let refused = world.stranger().post("/auth/login", &body).await;
        refused.refused_challenge();
    }
    let (method, path) = LOGOUT;
    let refused = world
        .stranger()
        .with_header("authorization", "Bearer")
        .call(method.parse().unwrap(), path, None)
        .await;
    refused.refused(401, "not_authorized");
}

//! User actions: a signature permits exactly one request, once.

use axum::{
    body::Body,
    http::{Method, Request},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::{FACTORS, Signer},
    stranger::Stranger,
    world::{ADA, ONE, World},
};

const PATH: &str = "/auth/credentials/deactivate";

/// Ada, a spare credential of hers, and the body that would deactivate it.
async fn with_spare(world: &World) -> (SignedIn, String, String) {
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let body = json!({ "credentialUuid": uuid }).to_string();
    (ada, uuid, body)
}

async fn put(place: &Stranger, path: &str, body: &str) -> Answer {
    place.call(Method::PUT, path, Some(body)).await
}

#[tokio::test]
async fn every_kind_that_signs_in_signs_actions() {
    for kind in FACTORS {
        let world = World::new().await;
        let ada = world.member(&world.acme, ADA, &Signer::of(kind, ONE)).await;
        let codes = ada.code(world.now()).await;
        assert!(codes.long.starts_with("cc_"), "{kind}");
    }
}

#[tokio::test]
async fn a_request_that_fails_does_not_use_the_action_up() {
    let world = World::new().await;
    let (ada, _, _) = with_spare(&world).await;
    let none = json!({ "credentialUuid": "cr-aaaaa-aaaaa-aaaaaaaaaaaaaaaa" }).to_string();
    let action = ada.user_action(&Method::PUT, PATH, &none).await;
    let place = ada.with_action(&action);
    for _ in 0..2 {
        put(&place, PATH, &none)
            .await
            .refused(404, "credential_not_found");
    }
}

#[tokio::test]
async fn another_users_credential_does_not_sign() {
    let world = World::new().await;
    let ada = world.ada().await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let challenge = ada.begin_action("POST", "/x", "").await.ok();
    let refused = ada.complete_action(&challenge, &bob.signer).await;
    refused.refused(401, "no_usable_credential");
    ada.complete_action(&challenge, &ada.signer).await.ok();
}

#[tokio::test]
async fn the_challenge_commits_to_the_action() {
    let world = World::new().await;
    let ada = world.ada().await;
    let begin = async |method: &str, path: &str, payload: &str| {
        let answer = ada.begin_action(method, path, payload).await.ok();
        let challenge = answer["challenge"].as_str().unwrap().to_owned();
        let identifier = answer["challengeIdentifier"].as_str().unwrap().to_owned();
        (challenge, identifier)
    };
    let (challenge, identifier) = begin("POST", "/transfers?fast=1", "{\"amount\": 1.0}").await;
    let claims = identifier.split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let nonce = find(&claims, "nonce").unwrap().as_str().unwrap().to_owned();
    let nonce = BASE64URL_NOPAD.decode(nonce.as_bytes()).unwrap();
    assert_eq!(nonce.len(), 16);
    let payload = sha256(b"{\"amount\":1.0}");
    let mut message = Vec::new();
    for part in [
        nonce.as_slice(),
        world.acme.organization.as_bytes(),
        ada.user_id().await.as_bytes(),
        b"POST",
        b"/transfers?fast=1",
        payload.as_slice(),
    ] {
        message.extend(u64::try_from(part.len()).unwrap().to_be_bytes());
        message.extend(part);
    }
    let decoded = BASE64URL_NOPAD.decode(challenge.as_bytes()).unwrap();
    let decoded = String::from_utf8(decoded).unwrap();
    assert_eq!(decoded, format!("ch-{}", base36(&sha256(&message))));

    let (again, _) = begin("POST", "/transfers?fast=1", "{\"amount\": 1.0}").await;
    assert_ne!(challenge, again, "it must not be predictable");
}

/// The first member of that name, at any depth.
fn find<'a>(value: &'a serde_json::Value, name: &str) -> Option<&'a serde_json::Value> {
    let members = value.as_object()?;
    members
        .get(name)
        .or_else(|| members.values().find_map(|member| find(member, name)))
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// A 256-bit number in base 36, with zeros before it up to fifty symbols.
fn base36(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut symbols = Vec::new();
    for _ in 0..50 {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 36).unwrap();
            remainder = value % 36;
        }
        symbols.push(char::from_digit(remainder, 36).unwrap());
    }
    symbols.iter().rev().collect()
}

#[tokio::test]
async fn any_path_can_be_signed_for_another_service() {
    let world = World::new().await;
    let ada = world.ada().await;
    for (method, path, payload) in [
        ("GET", "/wallets", ""),
        ("PATCH", "/wallets/wa-1?x=%20y", "[1,2]"),
        ("POST", "/", "null"),
        ("POST", "/%7e/caf%C3%A9", "\"text\""),
        ("DELETE", "/a//b/", "12.50"),
    ] {
        let challenge = ada.begin_action(method, path, payload).await.ok();
        ada.complete_action(&challenge, &ada.signer).await.ok();
    }
}

#[tokio::test]
async fn what_cannot_be_compared_cannot_be_signed() {
    let world = World::new().await;
    let ada = world.ada().await;
    let deep = "[".repeat(65) + &"]".repeat(65);
    for (method, path, payload, field) in [
        ("FETCH", "/x", "", "userActionHttpMethod"),
        ("post", "/x", "", "userActionHttpMethod"),
        ("POST", "x", "", "userActionHttpPath"),
        ("POST", "", "", "userActionHttpPath"),
        ("POST", "https://one.example/x", "", "userActionHttpPath"),
        ("POST", "/a%2Fb", "", "userActionHttpPath"),
        ("POST", "/a%2", "", "userActionHttpPath"),
        ("POST", "/x", "{", "userActionPayload"),
        ("POST", "/x", "{\"a\":1,\"a\":2}", "userActionPayload"),
        ("POST", "/x", &deep, "userActionPayload"),
    ] {
        let refused = ada.begin_action(method, path, payload).await;
        refused.refused(400, "invalid_field").about(field);
    }
    let long = format!("/{}", "x".repeat(2048));
    let refused = ada.begin_action("POST", &long, "").await;
    refused
        .refused(400, "invalid_field")
        .about("userActionHttpPath");
}

#[tokio::test]
async fn paths_are_compared_after_decoding_each_segment_once() {
    let world = World::new().await;
    let (ada, uuid, _) = with_spare(&world).await;
    let path = format!("/auth/credentials/{uuid}");
    let first = uuid.bytes().next().unwrap();
    let escaped = format!("/auth/credentials/%{first:02X}{}", &uuid[1..]);
    let twice = escaped.replace('%', "%25");
    let action = ada.user_action(&Method::DELETE, &twice, "").await;
    let refused = ada.with_action(&action).delete(&path).await;
    refused.refused(403, "user_action_invalid");
    let action = ada.user_action(&Method::DELETE, &escaped, "").await;
    ada.with_action(&action).delete(&path).await.ok();
}

#[tokio::test]
async fn a_request_with_an_encoded_slash_is_refused_before_anything_else() {
    let world = World::new().await;
    for path in [
        "/auth/credentials%2Fcode",
        "/auth%2fcredentials/code",
        "/auth/credentials/%zz",
        "/auth/credentials/%",
    ] {
        let request = Request::builder().method("GET").uri(path);
        if let Ok(request) = request.body(Body::empty()) {
            let answer = world.stranger().send(request).await;
            answer.refused(400, "invalid_path");
        }
    }
    let long = format!("/{}", "x".repeat(2048));
    world
        .stranger()
        .get(&long)
        .await
        .refused(400, "invalid_path");
}

#[tokio::test]
async fn a_signed_query_must_be_the_one_requested_and_an_unsigned_one_is_ignored() {
    let world = World::new().await;
    let (ada, uuid, _) = with_spare(&world).await;
    let path = format!("/auth/credentials/{uuid}");
    for (signed, requested, permits) in [
        ("?a=1", "", false),
        ("?a=1", "?a=2", false),
        ("?a=1", "?a=1&b=2", false),
        ("?", "?a=1", false),
        ("", "?a=1", true),
    ] {
        let action = ada
            .user_action(&Method::DELETE, &format!("{path}{signed}"), "")
            .await;
        let answer = ada
            .with_action(&action)
            .delete(&format!("{path}{requested}"))
            .await;
        if permits {
            answer.ok();
        } else {
            answer.refused(403, "user_action_invalid");
        }
    }
}

#[tokio::test]
async fn the_evidence_of_an_action_is_kept() {
    let world = World::new().await;
    let ada = world.ada().await;
    let before = world.store.statements();
    ada.user_action(&Method::POST, "/transfers", "{\"to\":\"bob\"}")
        .await;
    let after = world.store.statements();
    assert_eq!(after.write_transactions - before.write_transactions, 1);
    let bytes = world.database_bytes();
    let kept = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(kept(b"/transfers"));
    assert!(!kept(b"\"to\""), "the body itself is kept");
}

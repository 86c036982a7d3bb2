//! What each published client sends, in its own shape (API contract §8).

use std::fmt::Write as _;

use axum::{
    body::Body,
    http::{Method, Request},
};
use latchkey_testkit::authenticator::{
    key::{ClientDataShape, KeyClient},
    key_pair::KeyKind,
};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    stranger::Stranger,
    world::{ADA, ONE, World},
};

/// A client: how it writes client data, and which headers it sends everywhere.
async fn member(world: &World, shape: ClientDataShape) -> SignedIn {
    let mut client = KeyClient::new(KeyKind::P256);
    client.client_data = shape;
    world.member(&world.acme, ADA, &client.into()).await
}

/// A request with its body and headers exactly as given.
async fn raw(place: &Stranger, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    place.send(request).await
}

#[tokio::test]
async fn typescript_signs_the_path_and_sends_the_text_it_signed() {
    let world = World::new().await;
    let ada = member(&world, ClientDataShape::TypeScript).await;
    let ada = ada.moved_to(
        &world
            .stranger()
            .at(ONE)
            .with_header("x-dfns-sdk-version", "0.8.21"),
    );
    let body = format!("{{\"expiration\":{}}}", world.now() / 1_000 + 60);
    let action = ada
        .user_action(&Method::POST, "/auth/credentials/code", &body)
        .await;
    let place = ada.with_action(&action);
    raw(&place, "POST", "/auth/credentials/code", &body)
        .await
        .ok();
}

#[tokio::test]
async fn typescript_reads_the_organization_from_the_token() {
    let world = World::new().await;
    let ada = member(&world, ClientDataShape::TypeScript).await;
    let claims = ada.token.split('.').nth(1).unwrap();
    // It decodes with a base64 decoder, to which `-` and `_` mean nothing.
    let claims = data_encoding::BASE64URL_NOPAD
        .decode(claims.as_bytes())
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let metadata = &claims["https://custom/app_metadata"];
    assert_eq!(metadata["orgId"], world.acme.organization);
}

#[tokio::test]
async fn typescript_delegated_signs_an_absent_payload() {
    let world = World::new().await;
    let ada = member(&world, ClientDataShape::TypeScript).await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let path = format!("/auth/credentials/{}", ada.uuid_of(&spare).await);
    let body = json!({ "userActionHttpMethod": "DELETE", "userActionHttpPath": path });
    let challenge = ada.place().post("/auth/action/init", &body).await.ok();
    let answer = ada.complete_action(&challenge, &ada.signer).await.ok();
    let place = ada.with_action(answer["userAction"].as_str().unwrap());
    raw(&place, "DELETE", &path, "{}").await.ok();
}

#[tokio::test]
async fn python_escapes_and_spaces_the_body_otherwise_than_it_signed() {
    let world = World::new().await;
    let origin = "https://python.example".to_owned();
    let ada = member(&world, ClientDataShape::Python { origin }).await;
    let challenge = ada.begin_credential("Key").await.ok();
    let mut body = Signer::key().named_credential(&challenge, "x");
    body["credentialName"] = json!("Zoë’s café — 鍵 🔑 / \"1\"");
    let signed = body.to_string();
    let sent = python_json(&body);
    assert_ne!(signed, sent);
    assert!(sent.is_ascii());
    let action = ada
        .user_action(&Method::POST, "/auth/credentials", &signed)
        .await;
    let place = ada.with_action(&action);
    let made = raw(&place, "POST", "/auth/credentials", &sent).await.ok();
    assert_eq!(made["name"], body["credentialName"]);
}

/// JSON as Python writes it: ASCII only, and a space after commas and colons.
fn python_json(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("\"{name}\": {}", python_json(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::String(text) => {
            let mut out = String::new();
            for unit in Value::from(text.as_str()).to_string().encode_utf16() {
                match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii() => out.push(char::from(byte)),
                    _ => drop(write!(out, "\\u{unit:04x}")),
                }
            }
            out
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

#[tokio::test]
async fn python_signs_nothing_and_sends_an_empty_object() {
    let world = World::new().await;
    let origin = "https://python.example".to_owned();
    let ada = member(&world, ClientDataShape::Python { origin }).await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let path = format!("/auth/credentials/{}", ada.uuid_of(&spare).await);
    for payload in ["\"\"", ""] {
        let action = ada.user_action(&Method::DELETE, &path, payload).await;
        let place = ada.with_action(&action);
        let answer = raw(&place, "DELETE", &path, "{}").await;
        assert!(matches!(answer.status, 200 | 404), "{}", answer.body);
    }
    raw(&ada.place(), "PUT", "/auth/logout", "{}").await.ok();
}

#[tokio::test]
async fn java_signs_an_empty_object_and_sends_nothing() {
    let world = World::new().await;
    let ada = member(&world, ClientDataShape::Java).await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let path = format!("/auth/credentials/{}", ada.uuid_of(&spare).await);
    let action = ada.user_action(&Method::DELETE, &path, "{}").await;
    let place = ada.with_action(&action);
    place.call(Method::DELETE, &path, None).await.ok();
    let answer = ada.place().call(Method::PUT, "/auth/logout", None).await;
    answer.ok();
}

#[tokio::test]
async fn java_names_its_credential_by_uuid() {
    let world = World::new().await;
    let ada = member(&world, ClientDataShape::Java).await;
    let uuid = ada.uuid_of(&ada.signer).await;
    ada.signer
        .change_key(|client| client.credential_id.clone_from(&uuid));
    ada.code(world.now()).await;
}

#[tokio::test]
async fn go_signs_path_and_query_and_sends_its_token_everywhere() {
    let world = World::new().await;
    let ada = member(&world, ClientDataShape::Go).await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let path = format!(
        "/auth/credentials/{}?force=false",
        ada.uuid_of(&spare).await
    );
    let action = ada.user_action(&Method::DELETE, &path, "").await;
    let place = ada.with_action(&action);
    place.call(Method::DELETE, &path, None).await.ok();
    for token in ["rubbish", "", ada.token.as_str()] {
        let place = world.stranger().bearing(token);
        let again = place.sign_in(&world.acme, ADA, &ada.signer).await;
        let codes = again.code(world.now()).await;
        place.enrol(&codes.short, &Signer::key()).await.ok();
    }
}

#[tokio::test]
async fn legacy_headers_are_accepted_and_ignored() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world
        .stranger()
        .with_header("x-dfns-appid", &world.acme.applications[0].to_string())
        .with_header("x-dfns-nonce", "eyJ1dWlkIjoiMSIsImRhdGUiOiIyIn0")
        .with_header("x-dfns-appsecret", "secret")
        .with_header("x-dfns-apisignature", "signature")
        .with_header("x-dfns-sdk-version", "0.1.40");
    for _ in 0..2 {
        // The same nonce twice is nobody's concern.
        let again = place.sign_in(&world.acme, ADA, &ada.signer).await;
        assert!(again.is_signed_in().await);
    }
}

#[tokio::test]
async fn example_scripts_pad_their_base64url() {
    let world = World::new().await;
    let mut client = KeyClient::new(KeyKind::P256).called("c2NyaXB0cw==");
    client.padded = true;
    let ada = world.member(&world.acme, ADA, &client.into()).await;
    ada.code(world.now()).await;
    let credential = ada.credential_of(&ada.signer).await;
    assert_eq!(credential["credentialId"], "c2NyaXB0cw==");
}

#[tokio::test]
async fn swift_decodes_the_answers_to_make_and_to_use_a_passkey() {
    let world = World::new().await;
    let ada = world.ada().await;
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let place = world.stranger();
    let codes = ada.code(world.now()).await;
    for answer in [
        place.begin_registration(&invited).await.ok(),
        ada.begin_credential("Fido2").await.ok(),
        place.begin_with_code("Fido2", &codes.short).await.ok(),
    ] {
        for member in [
            "/temporaryAuthenticationToken",
            "/rp/id",
            "/rp/name",
            "/user/id",
            "/user/displayName",
            "/user/name",
            "/supportedCredentialKinds/firstFactor",
            "/supportedCredentialKinds/secondFactor",
            "/otpUrl",
            "/challenge",
            "/authenticatorSelection/residentKey",
            "/authenticatorSelection/requireResidentKey",
            "/authenticatorSelection/userVerification",
            "/attestation",
            "/pubKeyCredParams/0/type",
            "/pubKeyCredParams/0/alg",
            "/excludeCredentials",
        ] {
            let value = answer.pointer(member);
            assert!(value.is_some_and(|value| !value.is_null()), "{member}");
        }
    }
    for answer in [
        place.begin_login(&world.acme, ADA).await.ok(),
        ada.begin_action("POST", "/x", "").await.ok(),
    ] {
        for member in [
            "/rp/id",
            "/rp/name",
            "/challenge",
            "/challengeIdentifier",
            "/attestation",
            "/userVerification",
            "/externalAuthenticationUrl",
            "/supportedCredentialKinds/0/kind",
            "/allowCredentials/key",
            "/allowCredentials/webauthn",
        ] {
            let value = answer.pointer(member);
            assert!(value.is_some_and(|value| !value.is_null()), "{member}");
        }
    }
}

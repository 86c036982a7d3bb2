//! The main answers as snapshots: statuses and bodies, with what changes from run to run named.
//!
//! When an answer changes on purpose, review the new ones with `cargo insta review`.

use axum::http::Method;
use latchkey_domain::organization::Approval;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    session_code::{VERIFIER, code_in, going_back},
    signed_in::SignedIn,
    signer::{KINDS, Signer},
    world::{ADA, ANDROID, MOBILE, ONE, TWO, UNLISTED, World, host},
};

/// Members whose values are random.
const RANDOM: [&str; 16] = [
    "challenge",
    "challengeIdentifier",
    "temporaryAuthenticationToken",
    "token",
    "userAction",
    "code",
    "longCode",
    "approvalToken",
    "nextPageToken",
    "link",
    "returnTo",
    "publicKey",
    "publicKeyPem",
    "kid",
    "x",
    "y",
];

/// The same value with everything random replaced by what it is.
fn redacted(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), redacted(name, value)))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .map(|element| redacted(name, element))
            .collect(),
        Value::String(text) if !text.is_empty() && !is_error_code(text) => {
            let is_credential_id = matches!(name, "id" | "credentialId") && text.len() == 43;
            let is_request_id = name == "id" && text.len() == 32 && !text.contains('-');
            if RANDOM.contains(&name) || is_credential_id || is_request_id {
                format!("[{name}]").into()
            } else if let Some((prefix, _)) = text.split_once('-').filter(|_| is_identifier(text)) {
                format!("[{prefix}-…]").into()
            } else {
                value.clone()
            }
        }
        Value::Number(_) if matches!(name, "number" | "numbers") => 0.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// `us-xxxxx-xxxxx-…` and its like.
fn is_identifier(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    matches!(lengths.as_slice(), [2, 5, 5, 14..=16])
}

/// An error has a member `code` too.
fn is_error_code(text: &str) -> bool {
    text.len() > 4
        && text
            .chars()
            .all(|symbol| symbol.is_ascii_lowercase() || symbol == '_')
}

fn snapshot(name: &str, answer: &Answer) {
    let shown = json!({
        "status": answer.status,
        "body": redacted("", &answer.body),
    });
    insta::assert_json_snapshot!(name, shown);
}

#[tokio::test]
async fn registration() {
    let world = World::new().await;
    let invited = world.invite(&world.acme, ADA).await;
    let place = world.stranger().at(ONE);
    let begun = place.begin_registration(&invited).await;
    snapshot("registration_init", &begun);
    let signer = Signer::passkey(ONE);
    let body = json!({ "firstFactorCredential": signer.create(&begun.body) });
    let token = begun.body["temporaryAuthenticationToken"].as_str().unwrap();
    let made = place.bearing(token).post("/auth/registration", &body).await;
    snapshot("registration", &made);
}

#[tokio::test]
async fn recovery() {
    let world = World::new().await;
    let ada = world.ada().await;
    let kit = Signer::recovery_key();
    ada.create(&kit).await.ok();
    world.tick();
    let organization = &world.acme.organization;
    let body = json!({ "orgId": organization, "username": ADA });
    let place = world.stranger();
    snapshot(
        "recovery_code",
        &place.post("/auth/recover/user/code", &body).await,
    );
    world.mail_codes().await;
    let body = json!({
        "orgId": organization,
        "username": ADA,
        "verificationCode": world.mailed_code(ADA).await,
        "credentialId": kit.id(),
    });
    snapshot(
        "recovery_init",
        &place.post("/auth/recover/user/init", &body).await,
    );
}

#[tokio::test]
async fn users() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let body = json!({
        "email": "bob@example.com",
        "kind": "CustomerEmployee",
        "externalId": "employee-7"
    });
    let made = ada.signed(Method::POST, "/auth/users", Some(&body)).await;
    snapshot("user", &made);
    snapshot("users", &ada.get("/auth/users?limit=1").await);
}

#[tokio::test]
async fn login_and_logout() {
    let world = World::new().await;
    let ada = everything(&world).await;
    let place = world.stranger();
    let begun = place.begin_login(&world.acme, ADA).await;
    snapshot("login_init", &begun);
    let body = json!({ "orgId": world.acme.organization });
    let anonymous = place.post("/auth/login/init", &body).await;
    snapshot("login_init_without_username", &anonymous);
    snapshot(
        "login",
        &place.complete_login(&begun.body, &ada.signer).await,
    );
    let page = world.stranger().at(ONE);
    let passkey = Signer::passkey(ONE);
    ada.moved_to(&page).create(&passkey).await.ok();
    let here = page.sign_in(&world.acme, ADA, &passkey).await;
    snapshot("session", &here.get("/auth/session").await);
    let back = going_back(&format!("{ONE}/back"));
    let handed_over = here.place().post("/auth/session/code", &back).await;
    snapshot("session_code", &handed_over);
    let body = json!({ "code": code_in(&handed_over.body), "codeVerifier": VERIFIER });
    let taken = page.post("/auth/session/code/exchange", &body).await;
    snapshot("session_code_exchange", &taken);
    snapshot("logout", &ada.log_out(false).await);
}

/// Ada with one credential of each kind.
async fn everything(world: &World) -> SignedIn {
    let ada = world.ada().await;
    for kind in KINDS {
        let place = world.stranger().at(TWO);
        let ada = ada.moved_to(&place);
        world.tick();
        ada.create(&Signer::of(kind, TWO)).await.ok();
    }
    ada
}

#[tokio::test]
async fn user_actions() {
    let world = World::new().await;
    let ada = everything(&world).await;
    let begun = ada
        .begin_action("POST", "/auth/credentials/code", "{}")
        .await;
    snapshot("action_init", &begun);
    let signed = ada.complete_action(&begun.body, &ada.signer).await;
    snapshot("action", &signed);
}

#[tokio::test]
async fn credentials() {
    let world = World::new().await;
    let ada = everything(&world).await;
    snapshot("credentials", &ada.get("/auth/credentials").await);
    let here = ada.moved_to(&world.stranger().at(TWO));
    for kind in ["Fido2", "Key"] {
        let begun = here.begin_credential(kind).await;
        snapshot(&format!("credentials_init_{kind}"), &begun);
    }
    let spare = Signer::key();
    snapshot("credentials_create", &ada.create(&spare).await);
    let uuid = ada.uuid_of(&spare).await;
    snapshot("credentials_deactivate", &ada.deactivate(&uuid).await);
    snapshot("credentials_activate", &ada.activate(&uuid).await);
    snapshot("credentials_delete", &ada.remove(&uuid).await);
}

#[tokio::test]
async fn credential_codes() {
    let world = World::new().await;
    let ada = world.ada().await;
    let body = json!({ "expiration": "2026-01-01T00:00:45Z" });
    let issued = ada.request_code(&body).await;
    snapshot("code", &issued);
    snapshot("code_issued", &ada.get("/auth/credentials/code").await);
    let place = world.stranger().at(TWO).from("198.51.100.7");
    let code = issued.body["code"].as_str().unwrap();
    let begun = place.begin_with_code("Fido2", code).await;
    snapshot("code_init", &begun);
    snapshot("code_claimed", &ada.get("/auth/credentials/code").await);
    let made = place.verify(&begun.body, &Signer::passkey(TWO)).await;
    snapshot("code_verify", &made);
    snapshot("code_redeemed", &ada.get("/auth/credentials/code").await);
    let body = json!({ "expiration": "2026-01-01T00:00:45Z", "longOnly": true });
    snapshot("code_long_only", &ada.request_code(&body).await);
    let cancelled = ada.place().delete("/auth/credentials/code").await;
    snapshot("code_cancel", &cancelled);
    snapshot("code_cancelled", &ada.get("/auth/credentials/code").await);
    let body = json!({ "expiration": "2026-01-01T00:00:45Z" });
    let issued = ada.request_code(&body).await.ok();
    let code = issued["code"].as_str().unwrap();
    let begun = place.begin_with_code("Fido2", code).await.ok();
    snapshot("code_release", &place.release(&begun, "NotMyAccount").await);
    snapshot("code_released", &ada.get("/auth/credentials/code").await);
}

#[tokio::test]
async fn code_requests() {
    let world = World::new().await;
    let ada = world.ada().await;
    world.let_ask(&world.acme, "same-network").await;
    let place = world.stranger().at(TWO);
    let body = json!({ "orgId": world.acme.organization, "credentialKind": "Fido2" });
    let asked = place.ask_for_code(&body).await;
    snapshot("code_request", &asked);
    let found = ada.find_request(&asked.body).await;
    snapshot("code_request_found", &found);
    let granted = ada.grant_request(&asked.body).await;
    snapshot("code_request_grant", &granted);
    let body = json!({ "longCode": asked.body["longCode"] });
    let path = "/auth/credentials/code/request/status";
    snapshot("code_request_status", &place.post(path, &body).await);
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger();
    let wrong = "ABC-DEF-GHJ";
    let refused = place.begin_with_code("Key", wrong).await;
    snapshot("refused_code", &refused);
    let refused = place.at(UNLISTED).begin_with_code("Key", wrong).await;
    snapshot("refused_origin", &refused);
    let challenge = json!({ "challenge": "Y2gtYQ", "challengeIdentifier": "rubbish" });
    let refused = place.verify(&challenge, &Signer::key()).await;
    snapshot("refused_challenge", &refused);
    let refused = place.begin_login(&world.acme, "nobody").await;
    snapshot("refused_user", &refused);
    let refused = place.get("/auth/credentials").await;
    snapshot("refused_session", &refused);
    let uuid = ada.uuid_of(&ada.signer).await;
    let body = json!({ "credentialUuid": uuid }).to_string();
    let path = "/auth/credentials/deactivate";
    let refused = ada.place().call(Method::PUT, path, Some(&body)).await;
    snapshot("refused_user_action", &refused);
    snapshot("refused_last_credential", &ada.deactivate(&uuid).await);
    let refused = place.post("/auth/login", &json!({})).await;
    snapshot("refused_missing_member", &refused);
    let refused = place.begin_with_code("Password", wrong).await;
    snapshot("refused_kind", &refused);
    let refused = place.call(Method::POST, "/auth/login", Some("{")).await;
    snapshot("refused_body", &refused);
    snapshot("refused_path", &place.get("/nowhere").await);
    snapshot("refused_method", &place.get("/auth/login").await);
    snapshot("refused_call", &place.get("/auth/pats").await);
    for _ in 0..9 {
        place.begin_with_code("Key", wrong).await.refused_code();
    }
    let refused = place.begin_with_code("Key", wrong).await;
    snapshot("refused_attempt", &refused);
}

#[tokio::test]
async fn for_pages() {
    let world = World::new().await;
    let place = world.stranger().at(ONE);
    snapshot("application", &place.get("/auth/application").await);
    let place = world.stranger().with_header("host", host(ONE));
    for (name, path) in [
        ("related_origins", "/.well-known/webauthn"),
        ("passkey_endpoints", "/.well-known/passkey-endpoints"),
    ] {
        snapshot(name, &place.get(path).await);
    }
}

#[tokio::test]
async fn for_phones() {
    let world = World::new().await;
    let mobile = world.add_mobile_application(&[MOBILE, ANDROID]).await;
    let names = [Some("com.example.app"), Some("A1B2C3D4E5.com.example.app")];
    world.set_native(&mobile, names).await;
    let place = world.stranger().with_header("host", host(MOBILE));
    for (name, path) in [
        ("asset_links", "/.well-known/assetlinks.json"),
        (
            "app_site_association",
            "/.well-known/apple-app-site-association",
        ),
    ] {
        snapshot(name, &place.get(path).await);
    }
}

#[tokio::test]
async fn approval() {
    let world = World::new().await;
    let ada = world.ada().await;
    world.set_approval(&world.acme, Approval::Always).await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let made = place.enrol(&codes.short, &Signer::key()).await;
    snapshot("code_verify_awaiting_approval", &made);
    let waiting = place.approval(&made.body["approvalToken"]).await;
    snapshot("code_status", &waiting);
    ada.approve(&made.body).await.ok();
    let approved = place.approval(&made.body["approvalToken"]).await;
    snapshot("code_status_approved", &approved);
}

#[tokio::test]
async fn for_operators() {
    let world = World::new().await;
    let place = world.stranger();
    snapshot("health_live", &place.get("/health/live").await);
    snapshot("health_ready", &place.get("/health/ready").await);
    snapshot("jwks", &place.get("/.well-known/jwks.json").await);
    let metadata = "/.well-known/oauth-authorization-server";
    snapshot("metadata", &place.get(metadata).await);
    let description = place.get("/openapi.json").await.ok();
    assert_eq!(description["servers"][0]["url"], "https://auth.example");
    assert!(description["paths"]["/auth/credentials/code/verify"]["post"].is_object());
}

//! Sessions: who is signed in, and signing out.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use crate::support::{
    session_code::{VERIFIER, code_in, going_back},
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, ONE, RIVAL, TWO, UNLISTED, World},
};

async fn two_sessions(world: &World) -> [SignedIn; 2] {
    let first = world.ada().await;
    let second = world
        .stranger()
        .sign_in(&world.acme, ADA, &first.signer)
        .await;
    [first, second]
}

#[tokio::test]
async fn logging_out_ends_this_session_alone() {
    let world = World::new().await;
    let [first, second] = two_sessions(&world).await;
    let answer = first.place().put("/auth/logout", &json!({})).await;
    assert_eq!(answer.ok(), json!({ "message": "success" }));
    assert!(!first.is_signed_in().await);
    assert!(second.is_signed_in().await);
}

#[tokio::test]
async fn a_session_lives_six_hours() {
    let world = World::new().await;
    let ada = world.ada().await;
    let almost = Duration::from_hours(6).saturating_sub(Duration::from_millis(1));
    world.wait(almost);
    assert!(ada.is_signed_in().await);
    world.wait(Duration::from_millis(1));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn a_bearer_check_is_one_statement_whatever_comes_of_it() {
    let world = World::new().await;
    let [live, ended] = two_sessions(&world).await;
    ended.log_out(false).await.ok();
    for (session, holds) in [(&live, true), (&ended, false)] {
        for path in ["/auth/session", "/auth/credentials"] {
            let (answer, cost) = world.cost(session.get(path)).await;
            assert_eq!(answer.status == 200, holds);
            assert_eq!((cost.reads, cost.write_transactions), (1, 0));
        }
    }
}

#[tokio::test]
async fn a_session_tells_whose_it_is_and_how_fresh_until_it_ends() {
    let world = World::new().await;
    let ada = world.ada().await;
    let page = world.stranger().at(ONE);
    let passkey = Signer::passkey(ONE);
    ada.moved_to(&page).create(&passkey).await.ok();
    world.wait(Duration::from_secs(7));
    let here = page.sign_in(&world.acme, ADA, &passkey).await;
    let path = "/auth/session";
    let (answer, cost) = world.cost(here.get(path)).await;
    assert_eq!((cost.reads, cost.write_transactions), (1, 0));
    let told = answer.ok();
    assert_eq!(told["username"], ADA);
    assert_eq!(told["orgId"], json!(world.acme.organization));
    assert_eq!(
        told["applicationId"],
        json!(world.acme.applications[0].to_string())
    );
    assert_eq!(told["credentialUuid"], ada.uuid_of(&passkey).await);
    assert_eq!(told["credentialKind"], "Fido2");
    assert_eq!(told["dateIssued"], "2026-01-01T00:00:07.000Z");
    assert_eq!(told["expiration"], "2026-01-01T06:00:07.000Z");
    // A client without a page says nothing of one.
    let machine = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    let told = machine.get(path).await.ok();
    assert_eq!(told.get("applicationId"), None);
    machine.log_out(false).await.ok();
    machine.get(path).await.refused(401, "not_authorized");
    here.get(path).await.ok();
}

#[tokio::test]
async fn activating_a_credential_again_does_not_revive_its_sessions() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let old = world.stranger().sign_in(&world.acme, ADA, &spare).await;
    world.wait(Duration::from_secs(1));
    ada.deactivate(&uuid).await.ok();
    assert!(!old.is_signed_in().await);
    world.wait(Duration::from_secs(1));
    ada.activate(&uuid).await.ok();
    assert!(!old.is_signed_in().await);
    let new = world.stranger().sign_in(&world.acme, ADA, &spare).await;
    assert!(new.is_signed_in().await);
}

#[tokio::test]
async fn housekeeping_keeps_an_ended_session_ended() {
    let world = World::new().await;
    let [ada, ended] = two_sessions(&world).await;
    ended.log_out(false).await.ok();
    let path = "/auth/credentials/code";
    for hours in [1, 5] {
        world.wait(Duration::from_hours(hours));
        let deleted = world.use_cases.housekeeping.run().await.unwrap();
        // What was spent to sign in is long expired; the session is not.
        assert_eq!(deleted > 0, hours == 5, "{deleted}");
        assert!(!ended.is_signed_in().await);
    }
    world.wait(Duration::from_hours(2));
    assert!(world.use_cases.housekeeping.run().await.unwrap() > 0);
    assert_eq!(world.use_cases.housekeeping.run().await.unwrap(), 0);
    ada.place()
        .delete(path)
        .await
        .refused(401, "not_authorized");
}

#[tokio::test]
async fn housekeeping_keeps_a_used_user_action_used() {
    let world = World::new().await;
    let ada = world.ada().await;
    let path = "/auth/credentials/deactivate";
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let body = json!({ "credentialUuid": ada.uuid_of(&spare).await });
    let action = ada
        .user_action(&axum::http::Method::PUT, path, &body.to_string())
        .await;
    let place = ada.with_action(&action);
    place.put(path, &body).await.ok();
    world.wait(Duration::from_millis(299_999));
    world.use_cases.housekeeping.run().await.unwrap();
    place
        .put(path, &body)
        .await
        .refused(400, "user_action_used");
}

/// Somebody who has signed in with a passkey on the page of the first application.
async fn on_a_page(world: &World) -> SignedIn {
    let passkey = Signer::passkey(ONE);
    world
        .member(&world.acme, "page@example.com", &passkey)
        .await
}

const CODE: &str = "/auth/session/code";
const EXCHANGE: &str = "/auth/session/code/exchange";

#[tokio::test]
async fn a_session_is_handed_over_once_and_is_the_same_one() {
    let world = World::new().await;
    let ada = on_a_page(&world).await;
    let back = going_back(&format!("{ONE}/back"));
    let issued = ada.place().post(CODE, &back).await.ok();
    let address = issued["returnTo"].as_str().unwrap();
    assert!(
        address.starts_with(&format!("{ONE}/back?code=sc_")),
        "{address}"
    );
    assert!(address.ends_with("&state=a%26b%3Dc"), "{address}");
    assert_eq!(issued["expiration"], "2026-01-01T00:01:00.000Z");
    // Nobody who reads the address learns whose session it is.
    let code = code_in(&issued);
    let bytes = BASE64URL_NOPAD.decode(code.trim_start_matches("sc_").as_bytes());
    let bytes = String::from_utf8_lossy(&bytes.unwrap()).into_owned();
    assert!(!bytes.contains("example"), "{bytes}");

    let page = world.stranger().at(ONE);
    let wrong = json!({ "code": code, "codeVerifier": "a".repeat(43) });
    page.post(EXCHANGE, &wrong)
        .await
        .refused(403, "invalid_code");
    let body = json!({ "code": code, "codeVerifier": VERIFIER });
    for elsewhere in [TWO, RIVAL] {
        let refused = world.stranger().at(elsewhere).post(EXCHANGE, &body).await;
        refused.refused(403, "invalid_code");
    }
    let unlisted = world.stranger().at(UNLISTED).post(EXCHANGE, &body).await;
    unlisted.refused(403, "origin_not_allowed");
    let exchanged = page.post(EXCHANGE, &body).await.ok();
    let token = exchanged["token"].as_str().unwrap();
    assert_eq!(
        page.bearing(token).get("/auth/session").await.ok(),
        ada.get("/auth/session").await.ok()
    );
    page.post(EXCHANGE, &body)
        .await
        .refused(403, "invalid_code");
    // Signing out in one place is signing out.
    page.bearing(token)
        .put("/auth/logout", &json!({}))
        .await
        .ok();
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn a_session_code_ends_with_its_minute_and_with_its_session() {
    let world = World::new().await;
    let server = world.stranger();
    let life = Duration::from_mins(1);
    let just_before = life.saturating_sub(Duration::from_millis(1));
    let ada = on_a_page(&world).await;
    let issue = async || {
        let issued = ada.place().post(CODE, &going_back(ONE)).await.ok();
        json!({ "code": code_in(&issued), "codeVerifier": VERIFIER })
    };
    let body = issue().await;
    world.wait(just_before);
    server.post(EXCHANGE, &body).await.ok();
    let body = issue().await;
    world.wait(life);
    server
        .post(EXCHANGE, &body)
        .await
        .refused(403, "invalid_code");
    let body = issue().await;
    ada.log_out(false).await.ok();
    server
        .post(EXCHANGE, &body)
        .await
        .refused(403, "invalid_code");
}

#[tokio::test]
async fn no_stranger_keeps_the_users_of_a_server_from_their_sessions() {
    let world = World::new().await;
    let ada = on_a_page(&world).await;
    let issued = ada.place().post(CODE, &going_back(ONE)).await.ok();
    // Whoever gives an application's server codes makes it ask, and it has one address.
    let server = world.stranger();
    world.warm().await;
    for _ in 0..30 {
        let rubbish = json!({ "code": "sc_AAAA", "codeVerifier": VERIFIER });
        let (answer, cost) = world.cost(server.post(EXCHANGE, &rubbish)).await;
        answer.refused(403, "invalid_code");
        assert_eq!((cost.reads, cost.write_transactions), (0, 0));
    }
    let body = json!({ "code": code_in(&issued), "codeVerifier": VERIFIER });
    server.post(EXCHANGE, &body).await.ok();
    // Codes for credentials are another kind, and are there as before.
    let guessed = server.begin_with_code("Key", "ABC-DEF-GHJ").await;
    guessed.refused_code();
}

#[tokio::test]
async fn session_codes_are_issued_sixty_times_a_minute_and_used_ten_times() {
    let world = World::new().await;
    let ada = on_a_page(&world).await;
    let back = going_back(ONE);
    let mut issued = json!(null);
    for _ in 0..60 {
        issued = ada.place().post(CODE, &back).await.ok();
    }
    let refused = ada.place().post(CODE, &back).await;
    refused.refused(429, "too_many_attempts");
    assert!(!refused.header("retry-after").is_empty());
    let server = world.stranger();
    let body = json!({ "code": code_in(&issued), "codeVerifier": VERIFIER });
    server.post(EXCHANGE, &body).await.ok();
    for _ in 1..10 {
        let used = server.post(EXCHANGE, &body).await;
        used.refused(403, "invalid_code");
    }
    let refused = server.post(EXCHANGE, &body).await;
    refused.refused(429, "too_many_attempts");
    world.wait(Duration::from_mins(1));
    ada.place().post(CODE, &back).await.ok();
}

#[tokio::test]
async fn nobody_is_sent_where_the_application_is_not() {
    let world = World::new().await;
    let ada = on_a_page(&world).await;
    for to in [
        UNLISTED.to_owned(),
        RIVAL.to_owned(),
        TWO.to_owned(),
        format!("{ONE}:8443/"),
        format!("{ONE}.evil.example/"),
    ] {
        let refused = ada.place().post(CODE, &going_back(&to)).await;
        refused.refused(400, "return_not_allowed").about("returnTo");
    }
    for to in [
        "/account".to_owned(),
        "//one.example".to_owned(),
        format!("{ONE}@evil.example/"),
        format!("{ONE}/#code=x"),
        format!("{ONE}/?code=x"),
        format!("{ONE}/leave?to=https%3A%2F%2Fevil.example"),
        "javascript:alert(1)".to_owned(),
    ] {
        let refused = ada.place().post(CODE, &going_back(&to)).await;
        refused.refused(400, "invalid_field").about("returnTo");
    }
    // A page of another application has nothing to hand over, nor has a program.
    for place in [world.stranger().at(TWO), world.stranger()] {
        let elsewhere = ada.moved_to(&place).place();
        let refused = elsewhere.post(CODE, &going_back(ONE)).await;
        refused.refused(403, "origin_not_allowed");
    }
}

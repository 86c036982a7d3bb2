//! A place where nobody is signed in asks for a code, and somebody who is signed in elsewhere grants it.

use std::time::Duration;

use axum::http::Method;
use latchkey_domain::organization::Approval;
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    stranger::Stranger,
    world::{ADA, ONE, RIVAL, TWO, UNLISTED, World},
};

/// A world where places may ask, with Ada signed in on one page, and a place on another.
async fn world_where(from: &str) -> (World, SignedIn, Stranger) {
    let world = World::new().await;
    world.let_ask(&world.acme, from).await;
    let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
    let place = world.stranger().at(TWO);
    (world, ada, place)
}

fn asking(world: &World) -> Value {
    json!({ "orgId": world.acme.organization, "credentialKind": "Fido2" })
}

/// The same request with another number than the one that its place shows.
fn misread(asked: &Value) -> Value {
    let mut asked = asked.clone();
    let shown = asked["number"].as_u64().unwrap();
    asked["number"] = json!(if shown == 10 { 11 } else { 10 });
    asked
}

#[tokio::test]
async fn a_place_shows_a_code_and_makes_a_credential_when_it_is_granted() {
    let (world, ada, place) = world_where("same-network").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    assert_eq!(place.request_state(&asked).await, "Waiting");
    let seen = ada.find_request(&asked).await.ok();
    assert_eq!(
        (&seen["origin"], &seen["applicationName"]),
        (&json!(TWO), &json!("two.example"))
    );
    assert_eq!(
        (&seen["address"], &seen["sameNetwork"]),
        (&json!("192.0.2.1"), &json!(true))
    );
    let numbers = seen["numbers"].as_array().unwrap();
    assert!(numbers.contains(&asked["number"]), "{seen}");
    ada.grant_request(&asked).await.ok();
    assert_eq!(place.request_state(&asked).await, "Granted");
    assert_eq!(ada.code_state().await, "Issued");
    let long = asked["longCode"].as_str().unwrap();
    let made = place.enrol(long, &Signer::passkey(TWO)).await.ok();
    assert_eq!(
        (&made["createdBy"], &made["createdOrigin"]),
        (&json!("code"), &json!(TWO))
    );
    assert_eq!(ada.code_state().await, "Redeemed");
    // Once is all.
    place.begin_with_code("Fido2", long).await.refused_code();
    ada.grant_request(&asked).await.refused_code();
}

#[tokio::test]
async fn what_a_place_has_is_a_wrong_code_until_it_is_granted() {
    let (world, ada, place) = world_where("anywhere").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    for member in ["code", "longCode"] {
        let code = asked[member].as_str().unwrap();
        place.begin_with_code("Fido2", code).await.refused_code();
    }
    ada.grant_request(&asked).await.ok();
    // What everybody has seen stays a wrong one, and so does the right one for anything else.
    let [shown, kept] = ["code", "longCode"].map(|member| asked[member].as_str().unwrap());
    place.begin_with_code("Fido2", shown).await.refused_code();
    place.begin_with_code("Key", kept).await.refused_code();
    let elsewhere = world.stranger().at(ONE);
    elsewhere
        .begin_with_code("Fido2", kept)
        .await
        .refused_code();
    place.begin_with_code("Fido2", kept).await.ok();
}

#[tokio::test]
async fn a_request_waits_two_minutes_and_its_code_lives_one() {
    let (world, ada, place) = world_where("anywhere").await;
    let late = place.ask_for_code(&asking(&world)).await.ok();
    world.wait(Duration::from_mins(2));
    assert_eq!(place.request_state(&late).await, "Expired");
    ada.find_request(&late).await.refused_code();
    ada.grant_request(&late).await.refused_code();
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    world.wait(Duration::from_millis(119_999));
    ada.grant_request(&asked).await.ok();
    world.wait(Duration::from_mins(1));
    assert_eq!(ada.code_state().await, "Expired");
    let code = asked["longCode"].as_str().unwrap();
    place.begin_with_code("Fido2", code).await.refused_code();
}

#[tokio::test]
async fn where_no_place_may_ask_none_does_and_nothing_is_granted() {
    let (world, ada, place) = world_where("anywhere").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    world.let_ask(&world.acme, "nowhere").await;
    let refused = place.ask_for_code(&asking(&world)).await;
    refused.refused(403, "code_requests_off");
    ada.find_request(&asked).await.refused_code();
    ada.grant_request(&asked).await.refused_code();
    assert_eq!(place.request_state(&asked).await, "Waiting");
}

#[tokio::test]
async fn from_another_network_nothing_is_granted_where_that_is_asked_for() {
    let (world, ada, place) = world_where("same-network").await;
    let far = place.from("198.51.100.7");
    let asked = far.ask_for_code(&asking(&world)).await.ok();
    ada.find_request(&asked).await.refused(403, "other_network");
    ada.grant_request(&asked)
        .await
        .refused(403, "other_network");
    assert_eq!(far.request_state(&asked).await, "Waiting");
    world.let_ask(&world.acme, "anywhere").await;
    let seen = ada.find_request(&asked).await.ok();
    assert_eq!(
        (&seen["address"], &seen["sameNetwork"]),
        (&json!("198.51.100.7"), &json!(false))
    );
    ada.grant_request(&asked).await.ok();
}

#[tokio::test]
async fn another_number_than_the_place_shows_refuses_its_request_for_good() {
    let (world, ada, place) = world_where("anywhere").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    let refused = ada.grant_request(&misread(&asked)).await;
    refused.refused(409, "wrong_number").about("number");
    assert_eq!(place.request_state(&asked).await, "Refused");
    ada.find_request(&asked).await.refused_code();
    ada.grant_request(&asked).await.refused_code();
    let none = ada.get("/auth/credentials/code").await;
    none.refused(404, "code_not_found");
}

#[tokio::test]
async fn what_is_not_theirs_to_grant_a_user_refuses_without_signing() {
    let (world, ada, place) = world_where("same-network").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    ada.refuse_request(&asked).await.ok();
    assert_eq!(place.request_state(&asked).await, "Refused");
    ada.find_request(&asked).await.refused_code();
    ada.grant_request(&asked).await.refused_code();
    let code = asked["longCode"].as_str().unwrap();
    place.begin_with_code("Fido2", code).await.refused_code();
    // What is over already stays as it is.
    ada.refuse_request(&asked).await.refused_code();
    let granted = place.ask_for_code(&asking(&world)).await.ok();
    ada.grant_request(&granted).await.ok();
    ada.refuse_request(&granted).await.refused_code();
    assert_eq!(place.request_state(&granted).await, "Granted");
    let late = place.ask_for_code(&asking(&world)).await.ok();
    world.wait(Duration::from_mins(2));
    ada.refuse_request(&late).await.refused_code();
    assert_eq!(place.request_state(&late).await, "Expired");
}

#[tokio::test]
async fn nobody_refuses_what_they_cannot_look_at() {
    let (world, ada, place) = world_where("same-network").await;
    world.let_ask(&world.rival, "same-network").await;
    let eve = world
        .member(&world.rival, "eve@example.com", &Signer::passkey(RIVAL))
        .await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    eve.refuse_request(&asked).await.refused_code();
    let stolen = json!({ "code": asked["longCode"] });
    ada.refuse_request(&stolen).await.refused_code();
    assert_eq!(place.request_state(&asked).await, "Waiting");
    let far = place.from("198.51.100.7");
    let asked = far.ask_for_code(&asking(&world)).await.ok();
    let refused = ada.refuse_request(&asked).await;
    refused.refused(403, "other_network");
    world.let_ask(&world.acme, "nowhere").await;
    ada.refuse_request(&asked).await.refused_code();
    assert_eq!(far.request_state(&asked).await, "Waiting");
    world.let_ask(&world.acme, "anywhere").await;
    ada.refuse_request(&asked).await.ok();
    assert_eq!(far.request_state(&asked).await, "Refused");
}

#[tokio::test]
async fn only_users_of_the_organization_find_and_grant_what_its_places_ask_for() {
    let (world, ada, place) = world_where("anywhere").await;
    world.let_ask(&world.rival, "anywhere").await;
    let eve = world
        .member(&world.rival, "eve@example.com", &Signer::passkey(RIVAL))
        .await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    eve.find_request(&asked).await.refused_code();
    eve.grant_request(&asked).await.refused_code();
    // Nor does the code that is the place's alone find it for anybody.
    let stolen = json!({ "code": asked["longCode"], "number": asked["number"] });
    ada.find_request(&stolen).await.refused_code();
    ada.grant_request(&stolen).await.refused_code();
    ada.grant_request(&asked).await.ok();
}

#[tokio::test]
async fn any_kind_is_asked_for_but_a_way_back_and_who_grants_it_sees_which() {
    let (world, ada, place) = world_where("anywhere").await;
    let asking = |kind: &str| json!({ "orgId": world.acme.organization, "credentialKind": kind });
    for kind in ["Fido2", "Key", "PasswordProtectedKey"] {
        let asked = place.ask_for_code(&asking(kind)).await.ok();
        let seen = ada.find_request(&asked).await.ok();
        assert_eq!(seen["credentialKind"], kind);
    }
    let refused = place.ask_for_code(&asking("RecoveryKey")).await;
    refused
        .refused(400, "kind_not_allowed")
        .about("credentialKind");
}

#[tokio::test]
async fn only_a_page_of_the_organization_asks() {
    let (world, ada, place) = world_where("anywhere").await;
    world.let_ask(&world.rival, "anywhere").await;
    for origin in [UNLISTED, RIVAL] {
        let refused = place.at(origin).ask_for_code(&asking(&world)).await;
        refused.refused(403, "origin_not_allowed");
    }
    let nameless = json!({ "credentialKind": "Fido2" });
    let refused = place.ask_for_code(&nameless).await;
    refused.refused(400, "organization_required").about("orgId");
    let unknown = json!({ "orgId": "or-00000-00000-00000000000000", "credentialKind": "Key" });
    let refused = world.stranger().ask_for_code(&unknown).await;
    refused.refused(400, "no_application");
    // A native client has no page, and its credential shows where it belongs.
    let native = world.stranger();
    let asked = native.ask_for_code(&asking(&world)).await.ok();
    let seen = ada.find_request(&asked).await.ok();
    assert_eq!(
        (&seen["origin"], &seen["applicationId"]),
        (&Value::Null, &Value::Null)
    );
    ada.grant_request(&asked).await.ok();
    let code = asked["longCode"].as_str().unwrap();
    native.enrol(code, &Signer::passkey(TWO)).await.ok();
    // One that names an application gets a code for that one alone.
    let named = world.acme.applications[1].to_string();
    let native = native.with_header("x-dfns-appid", &named);
    let asked = native.ask_for_code(&asking(&world)).await.ok();
    let seen = ada.find_request(&asked).await.ok();
    assert_eq!(
        (&seen["origin"], &seen["applicationName"]),
        (&Value::Null, &json!("two.example"))
    );
    ada.grant_request(&asked).await.ok();
    let code = asked["longCode"].as_str().unwrap();
    let elsewhere = world.stranger().at(ONE);
    elsewhere
        .begin_with_code("Fido2", code)
        .await
        .refused_code();
    native.enrol(code, &Signer::passkey(TWO)).await.ok();
}

#[tokio::test]
async fn the_place_alone_asks_what_has_become_of_its_request() {
    let (world, _ada, place) = world_where("anywhere").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    let path = "/auth/credentials/code/request/status";
    for code in [&asked["code"], &json!("cc_AAAA")] {
        let body = json!({ "longCode": code });
        place.post(path, &body).await.refused_code();
    }
    // As often as it likes.
    for _ in 0..30 {
        assert_eq!(place.request_state(&asked).await, "Waiting");
    }
}

#[tokio::test]
async fn requests_are_limited_by_address_and_wrong_codes_by_user_too() {
    let (world, ada, place) = world_where("anywhere").await;
    for _ in 0..10 {
        place.ask_for_code(&asking(&world)).await.ok();
    }
    let eleventh = place.ask_for_code(&asking(&world)).await;
    eleventh.refused(429, "too_many_attempts");
    let other = place.from("198.51.100.7");
    let asked = other.ask_for_code(&asking(&world)).await.ok();
    let wrong = json!({ "code": "AAA-BBB-CCC" });
    for _ in 0..5 {
        ada.find_request(&wrong).await.refused_code();
    }
    let sixth = ada.find_request(&asked).await;
    sixth.refused(429, "too_many_attempts");
    world.wait(Duration::from_mins(1));
    ada.find_request(&asked).await.ok();
    place.ask_for_code(&asking(&world)).await.ok();
}

#[tokio::test]
async fn what_was_made_with_a_granted_code_waits_where_that_is_asked_for() {
    let (world, ada, place) = world_where("anywhere").await;
    world.set_approval(&world.acme, Approval::Always).await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    ada.grant_request(&asked).await.ok();
    let code = asked["longCode"].as_str().unwrap();
    let made = place.enrol(code, &Signer::passkey(TWO)).await.ok();
    assert!(made["approvalToken"].is_string(), "{made}");
    ada.approve(&made).await.ok();
}

#[tokio::test]
async fn a_fresh_credential_grants_nothing() {
    let (world, ada, place) = world_where("anywhere").await;
    world.set_freshness(&world.acme, "24h").await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    ada.grant_request(&asked).await.ok();
    let passkey = Signer::passkey(TWO);
    let code = asked["longCode"].as_str().unwrap();
    place.enrol(code, &passkey).await.ok();
    let fresh = place.sign_in(&world.acme, ADA, &passkey).await;
    let next = place.ask_for_code(&asking(&world)).await.ok();
    fresh
        .grant_request(&next)
        .await
        .refused(403, "credential_fresh");
    ada.grant_request(&next).await.ok();
}

#[tokio::test]
async fn what_is_granted_ends_as_any_code_does() {
    let (world, ada, place) = world_where("anywhere").await;
    let earlier = ada.code(world.now()).await;
    let asked = place.ask_for_code(&asking(&world)).await.ok();
    ada.grant_request(&asked).await.ok();
    place
        .begin_with_code("Fido2", &earlier.long)
        .await
        .refused_code();
    let path = "/auth/credentials/code";
    ada.place().call(Method::DELETE, path, None).await.ok();
    let code = asked["longCode"].as_str().unwrap();
    place.begin_with_code("Fido2", code).await.refused_code();
}

//! The credential code itself: issuing, reading and cancelling it.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    world::{self, ADA, ONE, World},
};

/// 2026-01-01T00:00:00Z, when every case begins, in seconds.
const START: i64 = world::START.unix_seconds();

#[tokio::test]
async fn an_expiration_within_the_bounds_is_cut_to_a_minute() {
    let world = World::new().await;
    let ada = world.ada().await;
    for (expiration, answered) in [
        (json!(START * 1_000 + 1), "2026-01-01T00:00:00.001Z"),
        (json!(START + 1), "2026-01-01T00:00:01.000Z"),
        (json!(START + 60), "2026-01-01T00:01:00.000Z"),
        (json!(START + 65), "2026-01-01T00:01:00.000Z"),
        (json!(START * 1_000 + 65_000), "2026-01-01T00:01:00.000Z"),
        (json!("2026-01-01T00:00:30Z"), "2026-01-01T00:00:30.000Z"),
        (
            json!("2026-01-01T00:00:30.250Z"),
            "2026-01-01T00:00:30.250Z",
        ),
        (
            json!("2026-01-01T01:00:30+01:00"),
            "2026-01-01T00:00:30.000Z",
        ),
    ] {
        let body = json!({ "expiration": expiration });
        let answer = ada.request_code(&body).await.ok();
        assert_eq!(answer["expiration"], answered, "{expiration}");
        assert!(answer["code"].is_string());
    }
}

#[tokio::test]
async fn an_expiration_outside_the_bounds_is_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    for expiration in [
        json!(START),
        json!(START - 1),
        json!(0),
        json!(-1),
        json!(START + 66),
        json!(START * 1_000),
        json!(START * 1_000 + 65_001),
        json!("2026-01-01T00:00:00Z"),
        json!("2026-01-01T00:01:05.001Z"),
        json!("1999-01-01T00:00:00Z"),
        json!(i64::MAX),
    ] {
        let refused = ada.request_code(&json!({ "expiration": expiration })).await;
        refused
            .refused(400, "invalid_expiration")
            .about("expiration");
    }
    for expiration in [
        json!("soon"),
        json!(""),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(1.5),
        json!("2026-01-01"),
        json!("2026-13-01T00:00:00Z"),
    ] {
        let refused = ada.request_code(&json!({ "expiration": expiration })).await;
        refused.refused(400, "invalid_field").about("expiration");
    }
    let refused = ada.request_code(&json!({})).await;
    refused.refused(400, "invalid_field").about("expiration");
    let answer = ada.get("/auth/credentials/code").await;
    answer.refused(404, "code_not_found");
}

#[tokio::test]
async fn both_forms_have_their_documented_shape() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let groups: Vec<_> = codes.short.split('-').collect();
    assert_eq!(groups.len(), 3);
    for group in groups {
        assert_eq!(group.len(), 3);
        let alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        assert!(group.chars().all(|symbol| alphabet.contains(symbol)));
    }
    let random = codes.long.strip_prefix("cc_").unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(random.as_bytes());
    assert!(bytes.unwrap().len() >= 16);
}

#[tokio::test]
async fn a_short_code_may_be_typed_in_many_ways() {
    let world = World::new().await;
    let ada = world.ada().await;
    let ways: [fn(&str) -> String; 6] = [
        str::to_owned,
        str::to_lowercase,
        |code| code.replace('-', ""),
        |code| code.replace('-', " "),
        |code| format!("  {} ", code.to_lowercase().replace('-', " - ")),
        |code| code.replace('-', "- -"),
    ];
    for way in ways {
        let codes = ada.code(world.now()).await;
        let typed = way(&codes.short);
        let answer = world.stranger().begin_with_code("Key", &typed).await;
        assert_eq!(answer.status, 200, "{typed}");
    }
}

#[tokio::test]
async fn a_long_code_keeps_its_case() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    for wrong in [
        codes.long.to_lowercase(),
        codes.long.to_uppercase(),
        codes.long.replace("cc_", ""),
        format!("{}A", codes.long),
    ] {
        place.begin_with_code("Key", &wrong).await.refused_code();
    }
    place.begin_with_code("Key", &codes.long).await.ok();
}

#[tokio::test]
async fn both_forms_are_one_code() {
    for (first, second) in [(true, false), (false, true)] {
        let world = World::new().await;
        let ada = world.ada().await;
        let codes = ada.code(world.now()).await;
        let choose = |short: bool| if short { &codes.short } else { &codes.long };
        let place = world.stranger();
        place.begin_with_code("Key", choose(first)).await.ok();
        let again = place.begin_with_code("Key", choose(second)).await;
        again.refused_code();
    }
}

#[tokio::test]
async fn long_only_leaves_no_short_twin() {
    let world = World::new().await;
    let ada = world.ada().await;
    let body = json!({ "expiration": START + 60, "longOnly": true });
    let answer = ada.request_code(&body).await.ok();
    let code = answer["code"].as_str().unwrap();
    assert!(code.starts_with("cc_"), "{code}");
    let members: Vec<_> = answer.as_object().unwrap().keys().collect();
    for member in ["code", "expiration"] {
        assert!(members.iter().any(|name| *name == member), "{members:?}");
    }
    let is_short = |value: &Value| value.as_str().is_some_and(|text| text.len() == 11);
    assert!(!answer.as_object().unwrap().values().any(is_short));
    world.stranger().enrol(code, &Signer::key()).await.ok();
}

#[tokio::test]
async fn a_code_expires() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    world.wait(Duration::from_mins(1));
    for code in [&codes.short, &codes.long] {
        let late = world.stranger().begin_with_code("Key", code).await;
        late.refused_code();
    }
    assert_eq!(ada.code_state().await, "Expired");
}

#[tokio::test]
async fn the_owner_sees_how_far_a_code_has_come() {
    let world = World::new().await;
    let ada = world.ada().await;
    let none = ada.get("/auth/credentials/code").await;
    none.refused(404, "code_not_found");

    let codes = ada.code(world.now()).await;
    let issued = ada.get("/auth/credentials/code").await.ok();
    assert_eq!(
        issued,
        json!({
            "state": "Issued",
            "dateIssued": "2026-01-01T00:00:00.000Z",
            "expiration": "2026-01-01T00:01:00.000Z",
        })
    );

    world.wait(Duration::from_secs(10));
    let place = world.stranger().at(ONE).from("2001:db8::7");
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    let claimed = ada.get("/auth/credentials/code").await.ok();
    let claim = json!({
        "date": "2026-01-01T00:00:10.000Z",
        "origin": ONE,
        "address": "2001:db8::7",
    });
    assert_eq!(claimed["state"], "Claimed");
    assert_eq!(claimed["claim"], claim);
    assert!(claimed.get("credentialUuid").is_none());

    let made = place.verify(&challenge, &Signer::key()).await.ok();
    let redeemed = ada.get("/auth/credentials/code").await.ok();
    assert_eq!(redeemed["state"], "Redeemed");
    assert_eq!(redeemed["claim"], claim);
    assert_eq!(redeemed["credentialUuid"], made["credentialUuid"]);
    let text = redeemed.to_string();
    assert!(!text.contains(&codes.short) && !text.contains(&codes.long));
}

#[tokio::test]
async fn nobody_else_sees_or_cancels_it() {
    let world = World::new().await;
    let ada = world.ada().await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    ada.code(world.now()).await;
    let none = bob.get("/auth/credentials/code").await;
    none.refused(404, "code_not_found");
    bob.place().delete("/auth/credentials/code").await.ok();
    bob.code(world.now()).await;
    assert_eq!(ada.code_state().await, "Issued");
}

#[tokio::test]
async fn cancelling_is_idempotent() {
    let world = World::new().await;
    let ada = world.ada().await;
    let cancel = async || ada.place().delete("/auth/credentials/code").await.ok();
    assert_eq!(cancel().await, json!({ "message": "success" }));
    let codes = ada.code(world.now()).await;
    for _ in 0..2 {
        assert_eq!(cancel().await, json!({ "message": "success" }));
        assert_eq!(ada.code_state().await, "Cancelled");
    }
    let place = world.stranger();
    let late = place.begin_with_code("Key", &codes.short).await;
    late.refused_code();
}

#[tokio::test]
async fn cancelling_reaches_a_claimed_code() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    ada.place().delete("/auth/credentials/code").await.ok();
    let late = place.verify(&challenge, &Signer::key()).await;
    late.refused_challenge();
    assert_eq!(ada.credentials().await.len(), 1);
}

#[tokio::test]
async fn cancelling_leaves_a_redeemed_code_as_it_is() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    world
        .stranger()
        .enrol(&codes.short, &Signer::key())
        .await
        .ok();
    ada.place().delete("/auth/credentials/code").await.ok();
    assert_eq!(ada.code_state().await, "Redeemed");
}

#[tokio::test]
async fn a_new_code_cancels_the_old_one_whether_issued_or_claimed() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger();
    let first = ada.code(world.now()).await;
    let second = ada.code(world.now()).await;
    for code in [&first.short, &first.long] {
        place.begin_with_code("Key", code).await.refused_code();
    }
    let challenge = place.begin_with_code("Key", &second.short).await.ok();
    let third = ada.code(world.now()).await;
    let late = place.verify(&challenge, &Signer::key()).await;
    late.refused_challenge();
    place.enrol(&third.short, &Signer::key()).await.ok();
    assert_eq!(ada.credentials().await.len(), 2);
}

#[tokio::test]
async fn a_refused_issue_cancels_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let body = json!({ "expiration": START + 600 });
    ada.request_code(&body)
        .await
        .refused(400, "invalid_expiration");
    let place = ada.place();
    let unsigned = place
        .call(
            Method::POST,
            "/auth/credentials/code",
            Some(&json!({ "expiration": START + 60 }).to_string()),
        )
        .await;
    unsigned.refused(403, "user_action_invalid");
    assert_eq!(ada.code_state().await, "Issued");
    world
        .stranger()
        .enrol(&codes.short, &Signer::key())
        .await
        .ok();
}

#[tokio::test]
async fn removing_any_credential_cancels_codes_of_the_user() {
    for deletes in [true, false] {
        for claims in [true, false] {
            let world = World::new().await;
            let (ada, uuid, _) = with_issuer(&world).await;
            let codes = ada.code(world.now()).await;
            let place = world.stranger();
            let mut challenge = Value::Null;
            if claims {
                challenge = place.begin_with_code("Key", &codes.short).await.ok();
            }
            if deletes {
                ada.remove(&uuid).await.ok();
            } else {
                ada.deactivate(&uuid).await.ok();
            }
            assert_eq!(ada.code_state().await, "Cancelled");
            if claims {
                let late = place.verify(&challenge, &Signer::key()).await;
                late.refused_challenge();
            } else {
                let late = place.begin_with_code("Key", &codes.long).await;
                late.refused_code();
            }
        }
    }
}

#[tokio::test]
async fn deactivating_the_issuing_credential_kills_its_codes() {
    let world = World::new().await;
    let (ada, uuid, issuer) = with_issuer(&world).await;
    let codes = issuer.code(world.now()).await;
    ada.deactivate(&uuid).await.ok();
    for code in [&codes.short, &codes.long] {
        let late = world.stranger().begin_with_code("Key", code).await;
        late.refused_code();
    }
}

#[tokio::test]
async fn deactivating_the_issuing_credential_kills_its_claimed_challenges() {
    let world = World::new().await;
    let (ada, uuid, issuer) = with_issuer(&world).await;
    let codes = issuer.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    ada.deactivate(&uuid).await.ok();
    let late = place.verify(&challenge, &Signer::key()).await;
    late.refused_challenge();
    assert_eq!(ada.credentials().await.len(), 2);
}

#[tokio::test]
async fn deleting_the_issuing_credential_kills_its_codes_and_claimed_challenges() {
    let world = World::new().await;
    let (ada, uuid, issuer) = with_issuer(&world).await;
    let codes = issuer.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    ada.remove(&uuid).await.ok();
    let late = place.verify(&challenge, &Signer::key()).await;
    late.refused_challenge();

    let (_, uuid, issuer) = with_another_issuer(&world, &ada).await;
    let codes = issuer.code(world.now()).await;
    ada.remove(&uuid).await.ok();
    let late = place.begin_with_code("Key", &codes.long).await;
    late.refused_code();
}

/// Ada, and a second credential of hers with a session that issues codes.
async fn with_issuer(world: &World) -> (SignedIn, String, SignedIn) {
    let ada = world.ada().await;
    with_another_issuer(world, &ada).await
}

async fn with_another_issuer(world: &World, ada: &SignedIn) -> (SignedIn, String, SignedIn) {
    let issuer = Signer::key();
    ada.create(&issuer).await.ok();
    let place = world.stranger();
    let session = place.sign_in(&world.acme, ADA, &issuer).await;
    (ada.clone(), ada.uuid_of(&issuer).await, session)
}

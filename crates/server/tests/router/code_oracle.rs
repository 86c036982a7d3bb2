//! Whoever tries codes learns nothing but whether one is right.

use std::time::Duration;

use latchkey_storage::store::Statements;
use serde_json::json;

use crate::support::{
    answer::Answer,
    signer::Signer,
    world::{Circumstances, ONE, RIVAL, UNLISTED, World},
};

/// One reason to refuse a code, and what the refusal looked like.
struct Refusal {
    reason: &'static str,
    looks: String,
    cost: Statements,
}

async fn refuse(world: &World, reason: &'static str, origin: &str, code: &str) -> Refusal {
    world.warm().await;
    let place = world.stranger().at(origin);
    let (answer, cost): (Answer, _) = world.cost(place.begin_with_code("Fido2", code)).await;
    answer.refused_code();
    Refusal {
        reason,
        looks: answer.fingerprint(),
        cost,
    }
}

#[tokio::test]
async fn every_wrong_code_gets_the_same_answer_at_the_same_cost() {
    let world = World::with(Circumstances::unlimited()).await;
    let ada = world.ada().await;
    let mut refusals = Vec::new();
    for short in [true, false] {
        let pick = |codes: &crate::support::signed_in::Codes| {
            if short {
                codes.short.clone()
            } else {
                codes.long.clone()
            }
        };
        let unknown = if short {
            "ABC-DEF-GHJ".to_owned()
        } else {
            format!("cc_{}", "A".repeat(43))
        };
        refusals.push(refuse(&world, "unknown", ONE, &unknown).await);

        let code = pick(&ada.code(world.now()).await);
        world.wait(Duration::from_mins(1));
        refusals.push(refuse(&world, "expired", ONE, &code).await);

        let code = pick(&ada.code(world.now()).await);
        let challenge = world.stranger().begin_with_code("Key", &code).await.ok();
        refusals.push(refuse(&world, "claimed", ONE, &code).await);

        world
            .stranger()
            .verify(&challenge, &Signer::key())
            .await
            .ok();
        refusals.push(refuse(&world, "redeemed", ONE, &code).await);

        let code = pick(&ada.code(world.now()).await);
        ada.place().delete("/auth/credentials/code").await.ok();
        refusals.push(refuse(&world, "cancelled", ONE, &code).await);

        let code = pick(&ada.code(world.now()).await);
        ada.code(world.now()).await;
        refusals.push(refuse(&world, "superseded", ONE, &code).await);

        let eve = world
            .member(
                &world.rival,
                if short {
                    "eve@example.com"
                } else {
                    "evi@example.com"
                },
                &Signer::key(),
            )
            .await;
        let code = pick(&eve.code(world.now()).await);
        refusals.push(refuse(&world, "another organization's", ONE, &code).await);
    }
    refusals.push(refuse(&world, "of no form", ONE, "cc").await);
    refusals.push(refuse(&world, "empty", ONE, "").await);

    let first = &refusals[0];
    assert_eq!((first.cost.reads, first.cost.write_transactions), (1, 0));
    for refusal in &refusals {
        assert_eq!(refusal.looks, first.looks, "{}", refusal.reason);
        assert_eq!(refusal.cost, first.cost, "{}", refusal.reason);
    }
}

#[tokio::test]
async fn a_right_code_at_another_organizations_page_looks_wrong_and_stays_good() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let wrong = refuse(&world, "unknown", RIVAL, "ABC-DEF-GHJ").await;
    let foreign = refuse(&world, "foreign origin", RIVAL, &codes.short).await;
    assert_eq!(foreign.looks, wrong.looks);
    assert_eq!(foreign.cost, wrong.cost);
    assert_eq!(ada.code_state().await, "Issued");
    let place = world.stranger().at(ONE);
    place.enrol(&codes.short, &Signer::passkey(ONE)).await.ok();
}

#[tokio::test]
async fn a_wrong_username_looks_like_a_wrong_code() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    world.warm().await;
    let place = world.stranger();
    let try_as = async |code: &str, username: &str| {
        let body = json!({ "credentialKind": "Key", "code": code, "username": username });
        let call = place.post("/auth/credentials/code/init", &body);
        let (answer, cost) = world.cost(call).await;
        answer.refused_code();
        (answer.fingerprint(), cost)
    };
    let wrong = try_as("ABC-DEF-GHJ", "bob@example.com").await;
    assert_eq!(try_as(&codes.short, "bob@example.com").await, wrong);
    assert_eq!(ada.code_state().await, "Issued");
}

#[tokio::test]
async fn an_unlisted_origin_is_refused_before_anything_is_looked_up() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    world.warm().await;
    for origin in [
        UNLISTED,
        "null",
        "https://one.example.evil.example",
        "https://one.example:8443",
        "http://one.example",
        "https://one.example/",
        "HTTPS://ONE.EXAMPLE",
    ] {
        let place = world.stranger().at(origin);
        for code in [codes.short.as_str(), "ABC-DEF-GHJ"] {
            let (answer, cost) = world.cost(place.begin_with_code("Key", code)).await;
            answer.refused(403, "origin_not_allowed");
            assert_eq!(cost, Statements::default(), "{origin}");
        }
    }
    assert_eq!(ada.code_state().await, "Issued");
}

#[tokio::test]
async fn a_dead_owner_makes_a_code_wrong() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let wrong = refuse(&world, "unknown", ONE, "ABC-DEF-GHJ").await;
    world.set_user_active(&ada.user_id().await, false).await;
    let dead = refuse(&world, "user deactivated", ONE, &codes.short).await;
    assert_eq!(dead.looks, wrong.looks);
    assert_eq!(dead.cost, wrong.cost);
}

#[tokio::test]
async fn the_code_is_kept_nowhere_in_clear() {
    let world = World::new().await;
    let ada = world.ada().await;
    let invited = world.invite(&world.acme, "bob@example.com").await;
    let codes = ada.code(world.now()).await;
    let bare = codes.short.replace('-', "");
    let random = codes.long.strip_prefix("cc_").unwrap().to_owned();
    let file = world.database_bytes();
    assert!(contains(&file, b"credential_codes"), "not a database");
    assert!(contains(&file, b"bob@example.com"), "not this database");
    for text in [&codes.short, &bare, &codes.long, &random, &invited.code] {
        assert!(!contains(&file, text.as_bytes()), "{text}");
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

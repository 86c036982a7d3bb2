//! Whoever tries codes learns nothing but whether one is right.

use std::time::Duration;

use latchkey_storage::store::Statements;
use serde_json::json;

use crate::support::{
    answer::Answer,
    signer::Signer,
    world::{Circumstances, ONE, RIVAL, World},
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
async fn every_wrong_code_gets_the_same_answer_at_the_same_cost_on_sqlite() {
    // It is read, and that says all.
    require_one_refusal(Circumstances::unlimited(), (1, 0)).await;
}

#[tokio::test]
async fn every_wrong_code_gets_the_same_answer_at_the_same_cost_on_postgres() {
    // It is claimed in vain, and then read, as one piece of work.
    require_one_refusal(Circumstances::unlimited().on_postgres(), (0, 2)).await;
}

async fn require_one_refusal(circumstances: Circumstances, cost: (u64, u64)) {
    let world = World::with(circumstances).await;
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
    let code = ada.code(world.now()).await.short;
    world.set_user_active(&ada.user_id().await, false).await;
    refusals.push(refuse(&world, "of a user who is not active", ONE, &code).await);
    refusals.push(refuse(&world, "of no form", ONE, "cc").await);
    refusals.push(refuse(&world, "empty", ONE, "").await);

    let first = &refusals[0];
    assert_eq!((first.cost.reads, first.cost.write_statements), cost);
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

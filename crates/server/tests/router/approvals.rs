//! Approval: where an organization asks for it, what is made with a code waits for its owner.

use std::{collections::BTreeSet, time::Duration};

use axum::http::Method;
use latchkey_domain::organization::Approval;
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::{FACTORS, Signer},
    world::{ADA, Circumstances, FAR, TWO, World},
};

/// The AAGUID of 1Password, as the list of providers has it.
const PASSKEY_PROVIDER: [u8; 16] = [
    0xba, 0xda, 0x55, 0x66, 0xa7, 0xaa, 0x40, 0x1f, 0xbd, 0x96, 0x45, 0x61, 0x9a, 0x55, 0x12, 0x0d,
];

/// What somebody made with Ada's code, and what it was answered.
struct Waiting {
    signer: Signer,
    made: Value,
}

impl Waiting {
    fn uuid(&self) -> &str {
        self.made["credentialUuid"].as_str().unwrap()
    }

    fn token(&self) -> &Value {
        &self.made["approvalToken"]
    }

    /// What the place is told where it was made.
    async fn told(&self, world: &World) -> String {
        let told = world.stranger().approval(self.token()).await.ok();
        told["state"].as_str().unwrap().to_owned()
    }
}

/// A world where approval is asked for, and Ada.
async fn asking() -> (World, SignedIn) {
    let world = World::new().await;
    let ada = world.ada().await;
    world.set_approval(&world.acme, Approval::Always).await;
    (world, ada)
}

async fn enrol(world: &World, ada: &SignedIn, signer: Signer) -> Waiting {
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO).from(FAR);
    let made = place.enrol(&codes.short, &signer).await.ok();
    Waiting { signer, made }
}

/// What Ada sees of the approval of her newest code.
async fn seen(ada: &SignedIn) -> Value {
    let code = ada.get("/auth/credentials/code").await.ok();
    assert_eq!(code["state"], "Redeemed");
    code["approval"].clone()
}

/// Nobody can sign in with it, and nothing signed with it counts.
async fn is_useless(world: &World, ada: &SignedIn, signer: &Signer) {
    let place = world.stranger().at(TWO);
    let login = place.begin_login(&world.acme, ADA).await.ok();
    let answer = place.complete_login(&login, signer).await;
    answer.refused(401, "no_usable_credential");
    let challenge = ada.begin_action("POST", "/x", "").await.ok();
    let answer = ada.complete_action(&challenge, signer).await;
    answer.refused(401, "no_usable_credential");
}

#[tokio::test]
async fn what_is_made_with_a_code_waits_and_its_owner_sees_it() {
    let (world, ada) = asking().await;
    let passkey = Signer::passkey(TWO);
    passkey.change_passkey(|passkey| passkey.quirks.aaguid = PASSKEY_PROVIDER);
    let waiting = enrol(&world, &ada, passkey).await;
    assert_eq!(waiting.made["isActive"], false);
    assert!(waiting.token().is_string());
    assert_eq!(waiting.told(&world).await, "Waiting");
    // What is made without a code does not wait.
    let other = ada.create(&Signer::key()).await.ok();
    assert_eq!(other["isActive"], true);
    let expected = json!({
        "state": "Waiting",
        "expiration": "2026-01-01T00:05:05.000Z",
        "credential": {
            "credentialUuid": waiting.uuid(),
            "kind": "Fido2",
            "provider": "1Password",
            "name": "Second place",
            "origin": TWO,
            "address": FAR,
        },
    });
    let mut seen = seen(&ada).await;
    let numbers = seen.as_object_mut().unwrap().remove("numbers").unwrap();
    assert_eq!(seen, expected);
    // Of three numbers one is shown where it was made.
    let numbers = numbers.as_array().unwrap();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.contains(&waiting.made["number"]));
    assert_eq!(ada.credential_of(&waiting.signer).await["isActive"], false);
}

#[tokio::test]
async fn its_owner_sees_roughly_where_the_other_place_is_and_nobody_else_does() {
    let world = World::with(Circumstances {
        locates: true,
        ..Circumstances::default()
    })
    .await;
    let ada = world.ada().await;
    world.set_approval(&world.acme, Approval::Always).await;
    world.let_ask(&world.acme, "anywhere").await;
    let place = world.stranger().at(TWO).from(FAR);
    let codes = ada.code(world.now()).await;
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    let claimed = ada.get("/auth/credentials/code").await.ok();
    assert_eq!(claimed["claim"]["location"], "Berlin, Germany");
    let made = place.verify(&challenge, &Signer::passkey(TWO)).await.ok();
    let waiting = seen(&ada).await;
    assert_eq!(waiting["credential"]["location"], "Berlin, Germany");
    let wanted = json!({ "orgId": world.acme.organization, "credentialKind": "Fido2" });
    let asked = place.ask_for_code(&wanted).await.ok();
    let found = ada.find_request(&asked).await.ok();
    assert_eq!(found["location"], "Berlin, Germany");

    let told = place.approval(&made["approvalToken"]).await.ok();
    for answer in [challenge, made, asked, told] {
        assert!(!answer.to_string().contains("Berlin"), "{answer}");
    }
    // Of an address that nothing is known of nothing is said.
    let near = world.stranger().at(TWO);
    let asked = near.ask_for_code(&wanted).await.ok();
    let found = ada.find_request(&asked).await.ok();
    assert!(found.get("location").is_none(), "{found}");
}

#[tokio::test]
async fn nothing_that_waits_can_be_used() {
    for kind in FACTORS {
        let (world, ada) = asking().await;
        let waiting = enrol(&world, &ada, Signer::of(kind, TWO)).await;
        is_useless(&world, &ada, &waiting.signer).await;
        // It goes on waiting where approval is asked for no longer.
        world.set_approval(&world.acme, Approval::Never).await;
        assert_eq!(waiting.told(&world).await, "Waiting");
        is_useless(&world, &ada, &waiting.signer).await;
    }
}

#[tokio::test]
async fn what_is_approved_signs_in() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::passkey(TWO)).await;
    ada.approve(&waiting.made).await.ok();
    assert_eq!(waiting.told(&world).await, "Approved");
    let seen = seen(&ada).await;
    assert_eq!(seen["state"], "Approved");
    assert_eq!(seen["credential"], Value::Null);
    assert_eq!(seen["numbers"], Value::Null);
    let place = world.stranger().at(TWO);
    let there = place.sign_in(&world.acme, ADA, &waiting.signer).await;
    assert_eq!(there.credentials().await, ada.credentials().await);
    for again in [
        ada.approve(&waiting.made).await,
        ada.approve(&picking(&waiting, 1)).await,
        ada.refuse(&waiting.made).await,
    ] {
        again.refused(404, "credential_not_found");
    }
    assert_eq!(waiting.told(&world).await, "Approved");
}

#[tokio::test]
async fn any_session_of_the_owner_decides() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    let elsewhere = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    elsewhere.approve(&waiting.made).await.ok();
}

/// What was made, with a number that is so much more than the one that is shown there.
fn picking(waiting: &Waiting, more: u64) -> Value {
    let mut picked = waiting.made.clone();
    picked["number"] = json!(waiting.made["number"].as_u64().unwrap() + more);
    picked
}

#[tokio::test]
async fn a_wrong_number_refuses_for_good() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    let wrong = ada.approve(&picking(&waiting, 1)).await;
    wrong.refused(409, "wrong_number").about("number");
    assert_eq!(waiting.told(&world).await, "Refused");
    assert_eq!(ada.credentials().await.len(), 1);
    ada.approve(&waiting.made)
        .await
        .refused(404, "credential_not_found");
    is_useless(&world, &ada, &waiting.signer).await;
}

#[tokio::test]
async fn without_a_number_nothing_is_approved_and_nothing_lost() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    for number in [
        json!(null),
        json!("47"),
        json!(-1),
        json!(4.7),
        json!(70_000),
    ] {
        let mut made = waiting.made.clone();
        made["number"] = number;
        let refused = ada.approve(&made).await;
        refused.refused(400, "invalid_field").about("number");
    }
    let body = json!({ "credentialUuid": waiting.uuid() });
    let path = "/auth/credentials/code/approve";
    let refused = ada.signed(Method::POST, path, Some(&body)).await;
    refused.refused(400, "invalid_field").about("number");
    assert_eq!(waiting.told(&world).await, "Waiting");
    ada.approve(&waiting.made).await.ok();
}

#[tokio::test]
async fn two_codes_have_numbers_of_their_own() {
    let (world, ada) = asking().await;
    let mut numbers = BTreeSet::new();
    for _code in 0..12 {
        let waiting = enrol(&world, &ada, Signer::key()).await;
        let number = waiting.made["number"].as_u64().unwrap();
        assert!((10..100).contains(&number));
        numbers.insert(number);
    }
    // All twelve are the same once in 90 to the power of eleven.
    assert!(numbers.len() > 1);
}

#[tokio::test]
async fn after_five_minutes_it_is_gone_for_every_call() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    world.wait(Duration::from_millis(299_999));
    assert_eq!(waiting.told(&world).await, "Waiting");
    assert_eq!(ada.credentials().await.len(), 2);
    world.wait(Duration::from_millis(1));
    // Before housekeeping has run.
    assert_eq!(waiting.told(&world).await, "Expired");
    let seen = seen(&ada).await;
    assert_eq!(seen["state"], "Expired");
    assert_eq!(seen["credential"], Value::Null);
    assert_eq!(ada.credentials().await.len(), 1);
    for answer in [
        ada.approve(&waiting.made).await,
        ada.refuse(&waiting.made).await,
        ada.activate(waiting.uuid()).await,
        ada.deactivate(waiting.uuid()).await,
        ada.rename(waiting.uuid(), "x").await,
    ] {
        answer.refused(404, "credential_not_found");
    }
    is_useless(&world, &ada, &waiting.signer).await;
    // Its credential id is free, for anybody.
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    bob.create(&waiting.signer).await.ok();
}

#[tokio::test]
async fn what_waits_cannot_be_activated_deactivated_or_renamed() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    for answer in [
        ada.activate(waiting.uuid()).await,
        ada.deactivate(waiting.uuid()).await,
        ada.rename(waiting.uuid(), "x").await,
    ] {
        answer.refused(409, "credential_waits");
    }
    assert_eq!(waiting.told(&world).await, "Waiting");
    ada.remove(waiting.uuid()).await.ok();
    assert_eq!(waiting.told(&world).await, "Refused");
    assert_eq!(ada.credentials().await.len(), 1);
}

#[tokio::test]
async fn a_place_that_was_not_answered_asks_with_its_challenge() {
    let (world, ada) = asking().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let signer = Signer::passkey(TWO);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    // Nothing is made with it yet.
    let told = place.outcome(&challenge).await.ok();
    assert_eq!(told, json!({ "state": "Claimed" }));
    let made = place.verify(&challenge, &signer).await.ok();
    for _ in 0..2 {
        let told = place.outcome(&challenge).await.ok();
        assert_eq!(told["state"], "Waiting");
        assert_eq!(told["number"], made["number"]);
        let by_token = place.approval(&told["approvalToken"]).await.ok();
        assert_eq!(by_token["number"], made["number"]);
    }
    // It is told, and not done once more.
    let again = place.verify(&challenge, &signer).await;
    again.refused_challenge();
    ada.approve(&made).await.ok();
    let told = place.outcome(&challenge).await.ok();
    assert_eq!(told, json!({ "state": "Approved" }));
    // Five minutes after its end, since what was made last would wait for as long.
    world.wait(Duration::from_millis(599_999));
    let told = place.outcome(&challenge).await.ok();
    assert_eq!(told, json!({ "state": "Approved" }));
    world.wait(Duration::from_millis(1));
    place.outcome(&challenge).await.refused_challenge();
}

#[tokio::test]
async fn a_place_whose_code_has_ended_is_told_that_nothing_can_be_made() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger().at(TWO);
    let claimed = async || {
        let codes = ada.code(world.now()).await;
        let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
        let told = place.outcome(&challenge).await.ok();
        assert_eq!(told["state"], "Claimed");
        challenge
    };
    let cancelled = claimed().await;
    ada.place().delete("/auth/credentials/code").await.ok();
    place.outcome(&cancelled).await.refused_challenge();
    let released = claimed().await;
    place.release(&released, "GivenUp").await.ok();
    place.outcome(&released).await.refused_challenge();
    let expired = claimed().await;
    world.wait(Duration::from_mins(5));
    place.outcome(&expired).await.refused_challenge();
}

#[tokio::test]
async fn what_was_taken_away_since_is_not_told_to_be_approved() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    ada.approve(&waiting.made).await.ok();
    assert_eq!(waiting.told(&world).await, "Approved");
    ada.remove(waiting.uuid()).await.ok();
    assert_eq!(waiting.told(&world).await, "Refused");
}

#[tokio::test]
async fn with_another_challenge_nobody_learns_what_was_made() {
    let (world, ada) = asking().await;
    let place = world.stranger().at(TWO);
    let earlier = ada.code(world.now()).await;
    let earlier = place.begin_with_code("Key", &earlier.short).await.ok();
    let waiting = enrol(&world, &ada, Signer::key()).await;
    place.outcome(&earlier).await.refused_challenge();
    let login = place.begin_login(&world.acme, ADA).await.ok();
    place.outcome(&login).await.refused_challenge();
    let token = json!({ "challengeIdentifier": waiting.token() });
    place.outcome(&token).await.refused_challenge();
    let refused = place.approval(&earlier["challengeIdentifier"]).await;
    refused.refused(400, "approval_token_invalid");
}

#[tokio::test]
async fn where_nothing_is_approved_a_lost_answer_is_told_as_well() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let signer = Signer::passkey(TWO);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    place.verify(&challenge, &signer).await.ok();
    let told = place.outcome(&challenge).await.ok();
    assert_eq!(told, json!({ "state": "Approved" }));
}

#[tokio::test]
async fn an_approval_token_tells_the_outcome_for_five_minutes_more() {
    let (world, ada) = asking().await;
    let waiting = enrol(&world, &ada, Signer::key()).await;
    world.wait(Duration::from_millis(599_999));
    assert_eq!(waiting.told(&world).await, "Expired");
    world.wait(Duration::from_millis(1));
    let refused = world.stranger().approval(waiting.token()).await;
    refused
        .refused(400, "approval_token_invalid")
        .about("approvalToken");
}

//! Create Credential With Code, from place to place: the main flow.

use serde_json::json;

use crate::support::{
    signed_in::SignedIn,
    signer::{FACTORS, Signer},
    world::{ADA, ONE, TWO, World, host},
};

#[tokio::test]
async fn the_new_credential_signs_in_where_it_was_made() {
    for kind in FACTORS {
        let world = World::new().await;
        let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
        let codes = ada.code(world.now()).await;
        let place = world.stranger().at(TWO);
        let signer = Signer::of(kind, TWO);
        place.enrol(&codes.long, &signer).await.ok();
        let there = place.sign_in(&world.acme, ADA, &signer).await;
        assert_eq!(there.credentials().await, ada.credentials().await);
        // The circle closes: what was made with a code issues the next one.
        let codes = there.code(world.now()).await;
        let back = Signer::passkey(ONE);
        let place = world.stranger().at(ONE);
        place.enrol(&codes.short, &back).await.ok();
    }
}

#[tokio::test]
async fn the_flow_crosses_relying_parties() {
    let world = World::new().await;
    let one = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &one).await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    assert_eq!(
        challenge["rp"],
        json!({ "id": host(TWO), "name": host(TWO) })
    );
    // The passkey of the first place does not stand in the way of the second.
    assert_eq!(challenge["excludeCredentials"], json!([]));
    let two = Signer::passkey(TWO);
    let made = place.verify(&challenge, &two).await.ok();
    assert_eq!(made["relyingPartyId"], host(TWO));
    assert_eq!(made["origin"], TWO);
    // Each passkey works in its own place alone.
    for (signer, wrong) in [(&one, TWO), (&two, ONE)] {
        let place = world.stranger().at(wrong);
        let login = place.begin_login(&world.acme, ADA).await.ok();
        let refused = place.complete_login(&login, signer).await;
        refused.refused(401, "no_usable_credential");
    }
}

#[tokio::test]
async fn an_expiration_out_of_bounds_is_told_and_issues_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    for life in [0, 65_001] {
        let body = json!({ "expiration": world.now() + life });
        let refused = ada.request_code(&body).await;
        refused
            .refused(400, "invalid_expiration")
            .about("expiration");
    }
    let none = ada.get("/auth/credentials/code").await;
    none.refused(404, "code_not_found");
}

#[tokio::test]
async fn the_kind_may_be_named_as_elsewhere() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let body = json!({ "kind": "Key", "code": codes.short });
    let path = "/auth/credentials/code/init";
    world.stranger().post(path, &body).await.ok();
}

/// What the owner sees of the newest code.
async fn seen(ada: &SignedIn) -> serde_json::Value {
    ada.get("/auth/credentials/code").await.ok()
}

#[tokio::test]
async fn whoever_entered_a_code_gives_it_back_and_its_owner_sees_it_at_once() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger().at(TWO).from("198.51.100.7");
    for reason in ["NotMyAccount", "AlreadyThere", "GivenUp"] {
        let codes = ada.code(world.now()).await;
        let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
        place.release(&challenge, reason).await.ok();
        let seen = seen(&ada).await;
        assert_eq!(seen["state"], "Released");
        assert_eq!(seen["release"]["reason"], reason);
        assert_eq!(seen["claim"]["address"], "198.51.100.7");
        // It has ended for everybody.
        let again = place.begin_with_code("Fido2", &codes.short).await;
        again.refused_code();
        place
            .begin_with_code("Fido2", &codes.long)
            .await
            .refused_code();
        let late = place.verify(&challenge, &Signer::passkey(TWO)).await;
        late.refused_challenge();
        place.release(&challenge, reason).await.refused_challenge();
    }
}

#[tokio::test]
async fn a_code_that_is_given_back_without_a_reason_was_given_up() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    let path = "/auth/credentials/code/release";
    let named = |reason| json!({ "challengeIdentifier": challenge["challengeIdentifier"], "reason": reason });
    let wrong = place.post(path, &named("Boredom")).await;
    wrong.refused(400, "invalid_field").about("reason");
    assert_eq!(seen(&ada).await["state"], "Claimed");
    let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"] });
    place.post(path, &body).await.ok();
    assert_eq!(seen(&ada).await["release"]["reason"], "GivenUp");
}

#[tokio::test]
async fn nothing_is_given_back_when_it_is_over() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger();
    let begin = async || {
        let codes = ada.code(world.now()).await;
        place.begin_with_code("Key", &codes.short).await.ok()
    };
    let redeemed = begin().await;
    place.verify(&redeemed, &Signer::key()).await.ok();
    place
        .release(&redeemed, "GivenUp")
        .await
        .refused_challenge();
    assert_eq!(seen(&ada).await["state"], "Redeemed");

    let cancelled = begin().await;
    ada.place().delete("/auth/credentials/code").await.ok();
    place
        .release(&cancelled, "GivenUp")
        .await
        .refused_challenge();
    assert_eq!(seen(&ada).await["state"], "Cancelled");

    let late = begin().await;
    world.wait(std::time::Duration::from_mins(5));
    place.release(&late, "GivenUp").await.refused_challenge();
    assert_eq!(seen(&ada).await["state"], "Expired");
}

//! Sessions: who is signed in, and signing out.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, ONE, World},
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
    for (session, reads) in [(&live, 2), (&ended, 1)] {
        let (_, cost) = world.cost(session.is_signed_in()).await;
        assert_eq!((cost.reads, cost.write_transactions), (reads, 0));
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

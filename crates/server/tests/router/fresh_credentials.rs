//! A credential that was made with a code cannot take over at once, where an organization asks for that.

use std::time::Duration;

use axum::http::Method;
use latchkey_domain::organization::Approval;
use serde_json::json;

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, ONE, TWO, World},
};

const DAY: Duration = Duration::from_hours(24);

/// A world where what is made with a code is fresh for a day, Ada, and what somebody else made with a code of hers.
async fn scene() -> (World, SignedIn, Signer) {
    let world = World::new().await;
    let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
    world.set_freshness(&world.acme, "24h").await;
    let fresh = enrol(&world, &ada).await;
    (world, ada, fresh)
}

async fn enrol(world: &World, ada: &SignedIn) -> Signer {
    let codes = ada.code(world.now()).await;
    let signer = Signer::passkey(TWO);
    let place = world.stranger().at(TWO);
    place.enrol(&codes.short, &signer).await.ok();
    signer
}

async fn sign_in(world: &World, signer: &Signer) -> SignedIn {
    let place = world.stranger().at(TWO);
    place.sign_in(&world.acme, ADA, signer).await
}

/// What a fresh credential may not do, each tried with what is Ada's.
async fn takeovers(world: &World, there: &SignedIn, hers: &str) -> [Answer; 8] {
    let body = json!({ "expiration": world.now() + 60_000 });
    [
        there.request_code(&body).await,
        there.create(&Signer::key()).await,
        there.create(&Signer::recovery_key()).await,
        there.renew_recovery_key(&Signer::recovery_key()).await,
        there.activate(hers).await,
        there.rename(hers, "Mine").await,
        there.deactivate(hers).await,
        there.remove(hers).await,
    ]
}

#[tokio::test]
async fn a_fresh_credential_signs_in_and_takes_nothing_over() {
    let (world, ada, fresh) = scene().await;
    let kit = Signer::recovery_key();
    ada.create(&kit).await.ok();
    let hers = ada.uuid_of(&ada.signer).await;
    let there = sign_in(&world, &fresh).await;
    for refused in takeovers(&world, &there, &hers).await {
        refused.refused(403, "credential_fresh");
    }
    // Her recovery kit is still the one she has.
    assert_eq!(ada.credential_of(&kit).await["isActive"], true);
    // Ending all sessions, again and again, would keep Ada from taking it away.
    there.log_out(true).await.refused(403, "credential_fresh");
    assert!(ada.is_signed_in().await);
    // It sees, and gives itself another name.
    assert_eq!(there.credentials().await.len(), 3);
    let own = there.uuid_of(&fresh).await;
    there.rename(&own, "Tablet").await.ok();
    // Whoever was there before does as always.
    ada.deactivate(&own).await.ok();
    assert!(!there.is_signed_in().await);
}

#[tokio::test]
async fn a_fresh_credential_takes_itself_away() {
    let (world, ada, fresh) = scene().await;
    let there = sign_in(&world, &fresh).await;
    let own = there.uuid_of(&fresh).await;
    there.remove(&own).await.ok();
    assert_eq!(ada.credentials().await.len(), 1);
}

#[tokio::test]
async fn a_fresh_credential_of_an_administrator_manages_others_and_takes_no_account_of_its_own_away()
 {
    let (world, ada, fresh) = scene().await;
    // The last administrator could not go in any case.
    world.administrator(&world.acme, "eve@example.com").await;
    let id = ada.user_id().await;
    world.set_administrator(&id, true).await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let there = sign_in(&world, &fresh).await;
    let ways = |id: &str| {
        [
            (Method::PUT, format!("/auth/users/{id}/deactivate")),
            (Method::DELETE, format!("/auth/users/{id}")),
        ]
    };
    for (method, path) in ways(&id) {
        let refused = there.signed(method, &path, None).await;
        refused.refused(403, "credential_fresh");
    }
    assert!(ada.is_signed_in().await);
    for (method, path) in ways(&bob.user_id().await) {
        there.signed(method, &path, None).await.ok();
    }
}

#[tokio::test]
async fn when_its_time_is_over_it_is_like_any_other() {
    let (world, ada, fresh) = scene().await;
    let hers = ada.uuid_of(&ada.signer).await;
    world.wait(DAY);
    let there = sign_in(&world, &fresh).await;
    for done in takeovers(&world, &there, &hers).await {
        done.ok();
    }
}

#[tokio::test]
async fn where_it_is_off_nothing_is_fresh() {
    let (world, ada, fresh) = scene().await;
    let hers = ada.uuid_of(&ada.signer).await;
    world.set_freshness(&world.acme, "off").await;
    let there = sign_in(&world, &fresh).await;
    for done in takeovers(&world, &there, &hers).await {
        done.ok();
    }
}

#[tokio::test]
async fn a_fresh_credential_approves_no_other() {
    let (world, ada, fresh) = scene().await;
    world.set_approval(&world.acme, Approval::Always).await;
    let there = sign_in(&world, &fresh).await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let made = place.enrol(&codes.short, &Signer::key()).await.ok();
    there.approve(&made).await.refused(403, "credential_fresh");
    ada.approve(&made).await.ok();
}

#[tokio::test]
async fn the_notice_of_what_was_made_with_a_code_leads_to_where_it_is_taken_away() {
    let (world, ada, fresh) = scene().await;
    let uuid = ada.uuid_of(&fresh).await;
    let told = world.told(ADA).await;
    let link = format!("/account#{uuid}");
    let leads_there = |text: &String| text.contains(&link);
    let mut texts = told.iter().map(|message| &message.content.text);
    assert!(texts.any(leads_there), "{link}");
}

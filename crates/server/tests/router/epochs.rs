//! The epoch: logging out everywhere and deactivating a user end everything at once.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, World},
};

/// Everything Ada has begun or holds, of which nothing has taken effect yet.
struct Pending {
    other_session: SignedIn,
    login: Value,
    action: Value,
    user_action: String,
    credential: Value,
    claimed: Value,
    code: String,
}

impl Pending {
    /// Begins everything, and last a second code that is not claimed; for that the claimed one must be
    /// another user's matter, so it is begun by `claim`.
    async fn begin(world: &World, ada: &SignedIn, claim: bool) -> Self {
        let place = world.stranger();
        let codes = ada.code(world.now()).await;
        let claimed = if claim {
            place.begin_with_code("Key", &codes.short).await.ok()
        } else {
            Value::Null
        };
        Self {
            other_session: place.sign_in(&world.acme, ADA, &ada.signer).await,
            login: place.begin_login(&world.acme, ADA).await.ok(),
            action: ada.begin_action("POST", "/x", "").await.ok(),
            user_action: ada
                .user_action(&Method::POST, "/auth/credentials/code", &issue(world))
                .await,
            credential: ada.begin_credential("Key").await.ok(),
            claimed,
            code: codes.long,
        }
    }
}

fn issue(world: &World) -> String {
    json!({ "expiration": world.now() + 60_000 }).to_string()
}

async fn issue_with(session: &SignedIn, action: &str, world: &World) -> Answer {
    session
        .with_action(action)
        .call(Method::POST, "/auth/credentials/code", Some(&issue(world)))
        .await
}

#[tokio::test]
async fn logging_out_everywhere_ends_sessions_user_actions_codes_and_challenges() {
    for claim in [true, false] {
        let world = World::new().await;
        let ada = world.ada().await;
        let pending = Pending::begin(&world, &ada, claim).await;
        ada.log_out(true).await.ok();

        assert!(!pending.other_session.is_signed_in().await);
        let place = world.stranger();
        if claim {
            let late = place.verify(&pending.claimed, &Signer::key()).await;
            late.refused_challenge();
        } else {
            let late = place.begin_with_code("Key", &pending.code).await;
            late.refused_code();
        }
        // A sign-in that had begun belongs to no epoch yet: it may go on.
        let answer = place.complete_login(&pending.login, &ada.signer).await.ok();
        let again = SignedIn::new(&place, answer["token"].as_str().unwrap(), &ada.signer);

        let late = issue_with(&again, &pending.user_action, &world).await;
        late.refused(403, "user_action_invalid");
        let late = again.complete_action(&pending.action, &ada.signer).await;
        late.refused_challenge();
        let body = Signer::key().named_credential(&pending.credential, "x");
        let late = again
            .signed(Method::POST, "/auth/credentials", Some(&body))
            .await;
        late.refused_challenge();
        assert_eq!(again.credentials().await.len(), 1);
    }
}

#[tokio::test]
async fn deactivating_a_user_ends_everything_for_good() {
    for claim in [true, false] {
        let world = World::new().await;
        let ada = world.ada().await;
        let user = ada.user_id().await;
        let pending = Pending::begin(&world, &ada, claim).await;
        world.set_user_active(&user, false).await;

        let place = world.stranger();
        for active in [false, true] {
            world.set_user_active(&user, active).await;
            assert!(!ada.is_signed_in().await);
            assert!(!pending.other_session.is_signed_in().await);
            if claim {
                let late = place.verify(&pending.claimed, &Signer::key()).await;
                late.refused_challenge();
            } else {
                let late = place.begin_with_code("Key", &pending.code).await;
                late.refused_code();
            }
            if !active {
                let late = place.complete_login(&pending.login, &ada.signer).await;
                late.refused_challenge();
                let late = place.begin_login(&world.acme, ADA).await;
                late.refused(401, "no_usable_credential");
            }
        }
        let again = place.sign_in(&world.acme, ADA, &ada.signer).await;
        let late = issue_with(&again, &pending.user_action, &world).await;
        late.refused(403, "user_action_invalid");
        let late = again.complete_action(&pending.action, &ada.signer).await;
        late.refused_challenge();
        assert_eq!(again.credentials().await.len(), 1);
    }
}

#[tokio::test]
async fn deactivating_a_credential_ends_what_it_signed() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let other = world.stranger().sign_in(&world.acme, ADA, &spare).await;
    // Signed in with one credential, signed with another: both must stay active.
    let mixed = SignedIn {
        signer: spare.clone(),
        ..ada.clone()
    };
    let action = mixed
        .user_action(&Method::POST, "/auth/credentials/code", &issue(&world))
        .await;
    let begun = other.begin_action("POST", "/x", "").await.ok();
    let credential = other.begin_credential("Key").await.ok();
    ada.deactivate(&uuid).await.ok();

    assert!(!other.is_signed_in().await);
    let late = issue_with(&ada, &action, &world).await;
    late.refused(403, "user_action_invalid");
    let late = ada.complete_action(&begun, &ada.signer).await;
    late.refused_challenge();
    let body = Signer::key().named_credential(&credential, "x");
    let late = ada
        .signed(Method::POST, "/auth/credentials", Some(&body))
        .await;
    late.refused_challenge();
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn a_user_action_of_an_ended_session_serves_another_session_of_the_user() {
    // It is bound to user and organization, not to the session it was signed in.
    let world = World::new().await;
    let ada = world.ada().await;
    let other = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    let action = ada
        .user_action(&Method::POST, "/auth/credentials/code", &issue(&world))
        .await;
    ada.log_out(false).await.ok();
    issue_with(&other, &action, &world).await.ok();
}

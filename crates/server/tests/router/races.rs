//! Of any number of callers at once, exactly one wins; on both databases.

use std::{future::Future, time::Duration};

use axum::http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, Circumstances, World},
};

/// How many callers there are.
const CALLERS: usize = 32;

/// The answers of calls that were made at once, the successes first.
async fn at_once(
    calls: impl IntoIterator<Item = impl Future<Output = Answer> + Send + 'static>,
) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for call in calls {
        tasks.spawn(call);
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|answer| answer.status);
    answers
}

/// Requires one success, and of all others the same refusal.
#[track_caller]
fn one_wins(answers: &[Answer], status: u16, code: &str) {
    let (winner, losers) = answers.split_first().unwrap();
    assert_eq!(winner.status, 200, "{}", winner.body);
    for loser in losers {
        loser.refused(status, code);
    }
}

fn circumstances(is_postgres: bool) -> Circumstances {
    Circumstances {
        is_postgres,
        ..Circumstances::unlimited()
    }
}

/// Makes each case a test on SQLite and one on PostgreSQL.
macro_rules! on_both_databases {
    ($($case:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(super::World::with(super::circumstances(false)).await).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(super::World::with(super::circumstances(true)).await).await;
                }
            )*
        }
    };
}

on_both_databases! {
    one_of_many_claims_of_a_code_succeeds
    one_of_many_verifies_of_a_challenge_succeeds
    one_of_many_registrations_with_a_code_succeeds
    one_of_many_sign_ins_with_a_challenge_succeeds
    one_of_many_uses_of_a_user_action_succeeds
    one_of_many_credentials_of_a_challenge_is_made
    one_of_many_claims_of_a_credential_id_succeeds
    the_last_two_credentials_cannot_both_be_removed
    of_many_new_codes_one_stays_live
    a_cancelled_code_is_not_redeemed_by_a_verify_at_the_same_time
    one_of_many_counters_counts
}

async fn one_of_many_claims_of_a_code_succeeds(world: World) {
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let answers = at_once((0..CALLERS).map(|number| {
        let place = world.stranger();
        let code = if number % 2 == 0 {
            codes.short.clone()
        } else {
            codes.long.clone()
        };
        async move { place.begin_with_code("Key", &code).await }
    }))
    .await;
    one_wins(&answers, 403, "invalid_code");
    let challenge = &answers[0].body;
    let place = world.stranger();
    place.verify(challenge, &Signer::key()).await.ok();
}

async fn one_of_many_verifies_of_a_challenge_succeeds(world: World) {
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    let answers = at_once((0..CALLERS).map(|_| {
        let (place, challenge) = (place.clone(), challenge.clone());
        async move { place.verify(&challenge, &Signer::key()).await }
    }))
    .await;
    one_wins(&answers, 400, "challenge_invalid");
    assert_eq!(ada.credentials().await.len(), 2);
    assert_eq!(ada.code_state().await, "Redeemed");
}

async fn one_of_many_registrations_with_a_code_succeeds(world: World) {
    let invited = world.invite(&world.acme, ADA).await;
    let signers: Vec<_> = (0..CALLERS).map(|_| Signer::key()).collect();
    let mut calls = Vec::new();
    for signer in &signers {
        let place = world.stranger();
        let challenge = place.begin_registration(&invited).await.ok();
        let body = json!({ "firstFactorCredential": signer.create(&challenge) });
        let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
        let place = place.bearing(token);
        calls.push(async move { place.post("/auth/registration", &body).await });
    }
    one_wins(&at_once(calls).await, 400, "challenge_invalid");
    let place = world.stranger();
    let login = place.begin_login(&world.acme, ADA).await.ok();
    assert_eq!(
        login["allowCredentials"]["key"].as_array().unwrap().len(),
        1
    );
}

async fn one_of_many_sign_ins_with_a_challenge_succeeds(world: World) {
    let ada = world.ada().await;
    let place = world.stranger();
    let challenge = place.begin_login(&world.acme, ADA).await.ok();
    let answers = at_once((0..CALLERS).map(|_| {
        let (place, challenge, signer) = (place.clone(), challenge.clone(), ada.signer.clone());
        async move { place.complete_login(&challenge, &signer).await }
    }))
    .await;
    one_wins(&answers, 400, "challenge_invalid");
}

async fn one_of_many_uses_of_a_user_action_succeeds(world: World) {
    let ada = world.ada().await;
    let body = json!({ "expiration": world.now() + 60_000 }).to_string();
    let path = "/auth/credentials/code";
    let action = ada.user_action(&Method::POST, path, &body).await;
    let answers = at_once((0..CALLERS).map(|_| {
        let (place, body) = (ada.with_action(&action), body.clone());
        async move { place.call(Method::POST, path, Some(&body)).await }
    }))
    .await;
    one_wins(&answers, 400, "user_action_used");
    answers[1].saying("user action has already been used");
    let code = answers[0].body["code"].as_str().unwrap();
    world.stranger().enrol(code, &Signer::key()).await.ok();
}

async fn one_of_many_credentials_of_a_challenge_is_made(world: World) {
    let ada = world.ada().await;
    let challenge = ada.begin_credential("Key").await.ok();
    let mut calls = Vec::new();
    for _ in 0..8 {
        let body = Signer::key().named_credential(&challenge, "x");
        let ada = ada.clone();
        calls.push(async move {
            ada.signed(Method::POST, "/auth/credentials", Some(&body))
                .await
        });
    }
    one_wins(&at_once(calls).await, 400, "challenge_invalid");
    assert_eq!(ada.credentials().await.len(), 2);
}

async fn one_of_many_claims_of_a_credential_id_succeeds(world: World) {
    let ada = world.ada().await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let answers = at_once((0..8).map(|number| {
        let user = if number % 2 == 0 { &ada } else { &bob }.clone();
        async move {
            let signer = Signer::key();
            let id = if number % 3 == 0 { "AQ==" } else { "AQ" };
            signer.change_key(|client| id.clone_into(&mut client.credential_id));
            user.create(&signer).await
        }
    }))
    .await;
    one_wins(&answers, 409, "credential_id_taken");
}

/// A request that removes one of two credentials, with its user action signed already.
async fn removal(
    user: &SignedIn,
    uuid: &str,
    deletes: bool,
) -> impl Future<Output = Answer> + use<> {
    let (method, path, body) = if deletes {
        (Method::DELETE, format!("/auth/credentials/{uuid}"), None)
    } else {
        let body = json!({ "credentialUuid": uuid }).to_string();
        let path = "/auth/credentials/deactivate".to_owned();
        (Method::PUT, path, Some(body))
    };
    let payload = body.as_deref().unwrap_or_default();
    let action = user.user_action(&method, &path, payload).await;
    let place = user.with_action(&action);
    async move { place.call(method, &path, body.as_deref()).await }
}

async fn the_last_two_credentials_cannot_both_be_removed(world: World) {
    for (number, deletes) in [[true, true], [true, false], [false, false]]
        .into_iter()
        .cycle()
        .take(9)
        .enumerate()
    {
        let username = format!("user{number}@example.com");
        let one = world.member(&world.acme, &username, &Signer::key()).await;
        let spare = Signer::key();
        one.create(&spare).await.ok();
        let other = world
            .stranger()
            .sign_in(&world.acme, &username, &spare)
            .await;
        // Each removes itself, so neither depends on the other one being active.
        let first = removal(&one, &one.uuid_of(&one.signer).await, deletes[0]).await;
        let second = removal(&other, &other.uuid_of(&spare).await, deletes[1]).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(first);
        tasks.spawn(second);
        let mut answers = tasks.join_all().await;
        answers.sort_by_key(|answer| answer.status);
        one_wins(&answers, 409, "last_credential");
        let survivors = [one.is_signed_in().await, other.is_signed_in().await];
        assert_eq!(survivors.iter().filter(|alive| **alive).count(), 1);
    }
}

async fn of_many_new_codes_one_stays_live(world: World) {
    let ada = world.ada().await;
    let body = json!({ "expiration": world.now() + 60_000 });
    let answers = at_once((0..8).map(|_| {
        let (ada, body) = (ada.clone(), body.clone());
        async move { ada.request_code(&body).await }
    }))
    .await;
    let codes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.ok()["code"].as_str().unwrap().to_owned())
        .collect();
    let mut claimed = 0;
    for code in codes {
        let answer = world.stranger().begin_with_code("Key", &code).await;
        match answer.status {
            200 => claimed += 1,
            _ => drop(answer.refused_code()),
        }
    }
    assert_eq!(claimed, 1);
}

async fn a_cancelled_code_is_not_redeemed_by_a_verify_at_the_same_time(world: World) {
    let ada = world.ada().await;
    for round in 1..=8_u64 {
        let codes = ada.code(world.now()).await;
        let place = world.stranger();
        let challenge = place.begin_with_code("Key", &codes.short).await.ok();
        let before = ada.credentials().await.len();
        let verify = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(round * 200)).await;
            place.verify(&challenge, &Signer::key()).await
        });
        let cancel = ada.place().delete("/auth/credentials/code").await;
        cancel.ok();
        let verified = verify.await.unwrap();
        let state = ada.code_state().await;
        let made = ada.credentials().await.len() - before;
        if verified.status == 200 {
            assert_eq!((state.as_str(), made), ("Redeemed", 1));
        } else {
            verified.refused_challenge();
            assert_eq!((state.as_str(), made), ("Cancelled", 0));
        }
    }
}

async fn one_of_many_counters_counts(world: World) {
    let passkey = Signer::passkey(crate::support::world::ONE);
    world.member(&world.acme, ADA, &passkey).await;
    let place = world.stranger();
    passkey.change_passkey(|passkey| passkey.quirks.counter = Some(1_000));
    let mut calls = Vec::new();
    for _ in 0..8 {
        let challenge = place.begin_login(&world.acme, ADA).await.ok();
        let (place, passkey) = (place.clone(), passkey.clone());
        calls.push(async move { place.complete_login(&challenge, &passkey).await });
    }
    one_wins(&at_once(calls).await, 401, "factor_refused");
}

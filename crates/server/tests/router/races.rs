//! Of any number of callers at once, exactly one wins; on both databases.

use tokio::task::JoinSet;

use crate::support::{
    answer::Answer,
    operations::{Ceremony, Request, operations},
    stage::Stage,
    stranger::Stranger,
    world::Circumstances,
};

/// How many callers there are.
const CALLERS: usize = 8;

/// The answers to requests that were made at once.
async fn at_once(requests: impl IntoIterator<Item = (Request, Stranger)>) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for (request, place) in requests {
        let text = request.body.map(|body| body.to_string());
        let (method, path) = (request.operation.method.clone(), request.path);
        tasks.spawn(async move { place.call(method, &path, text.as_deref()).await });
    }
    tasks.join_all().await
}

/// Requires one success, and of all others the same refusal.
#[track_caller]
fn one_wins(mut answers: Vec<Answer>, status: u16, code: &str) {
    answers.sort_by_key(|answer| answer.status);
    let (winner, losers) = answers.split_first().unwrap();
    assert_eq!(winner.status, 200, "{}: {}", winner.call, winner.body);
    assert_eq!(losers.len(), CALLERS - 1);
    for loser in losers {
        loser.refused(status, code);
    }
}

/// Makes each case a test on SQLite and one on PostgreSQL.
macro_rules! on_both_databases {
    ($($case:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(super::Circumstances::unlimited()).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(super::Circumstances::unlimited().on_postgres()).await;
                }
            )*
        }
    };
}

on_both_databases! {
    one_of_many_completions_of_every_challenge_succeeds
    one_of_many_uses_of_every_code_succeeds
    one_of_many_uses_of_every_user_action_succeeds
}

async fn one_of_many_completions_of_every_challenge_succeeds(circumstances: Circumstances) {
    let stage = Stage::with(circumstances).await;
    for ceremony in Ceremony::ALL {
        let person = stage.colleague(&stage.ada).await;
        let challenge = ceremony.begin(&stage, &person).await;
        let mut requests = Vec::new();
        for _ in 0..CALLERS {
            // Of proofs that count, the last one would make the others void.
            let request = ceremony.completion(&person, &challenge).with_one_factor();
            let place = request.authorized().await;
            requests.push((request, place));
        }
        one_wins(at_once(requests).await, 400, "challenge_invalid");
    }
}

async fn one_of_many_uses_of_every_code_succeeds(circumstances: Circumstances) {
    let stage = Stage::with(circumstances).await;
    let mut tried = 0;
    for operation in operations() {
        if operation.begins.is_none() || operation.cases[0].cost.sqlite.written.is_none() {
            continue;
        }
        let request = operation.request(&stage).await;
        let requests = (0..CALLERS).map(|_| (request.clone(), request.place.clone()));
        one_wins(at_once(requests).await, 403, "invalid_code");
        tried += 1;
    }
    assert_eq!(
        tried, 3,
        "a credential code, a login code and a recovery code"
    );
}

async fn one_of_many_uses_of_every_user_action_succeeds(circumstances: Circumstances) {
    let stage = Stage::with(circumstances).await;
    for operation in operations() {
        if !operation.signed {
            continue;
        }
        let request = operation.request(&stage).await;
        let place = request.authorized().await;
        let requests = (0..CALLERS).map(|_| (request.clone(), place.clone()));
        one_wins(at_once(requests).await, 400, "user_action_used");
    }
}

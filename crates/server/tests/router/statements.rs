//! Few queries: what calls cost the database that are not as usual (see `operations`).

use serde_json::json;

use crate::support::{
    body::{member, members},
    operations::{Request, operations},
    stage::Stage,
    stranger::Stranger,
    world::{ADA, ONE, World},
};

#[tokio::test]
async fn a_directory_that_is_too_old_costs_one_read_more() {
    let world = World::new().await;
    let ada = world.ada().await;
    world.warm().await;
    let place = world.stranger().at(ONE);
    let (_, warm) = world.cost(place.begin_login(&world.acme, ADA)).await;
    world.wait(std::time::Duration::from_secs(5));
    let (_, cold) = world.cost(place.begin_login(&world.acme, ADA)).await;
    assert_eq!((warm.reads, cold.reads), (1, 2));
    world.wait(std::time::Duration::from_secs(5));
    let codes = ada.code(world.now()).await;
    world.wait(std::time::Duration::from_secs(5));
    let (begun, cold) = world.cost(place.begin_with_code("Key", &codes.short)).await;
    begun.ok();
    assert!(cold.reads <= 3, "{cold:?}");
}

/// Requests that are refused, each with the place it is sent from: like this one but for who asks, what
/// is asked, the code or token, or the proof.
async fn refused(stage: &Stage, request: &Request) -> Vec<(Request, Stranger)> {
    let mut refused = Vec::new();
    if request.token.is_some() {
        refused.push((request.clone(), request.place.clone()));
    }
    if let Some(user) = &request.signed_by {
        refused.push((request.clone(), user.place()));
    }
    let mut wrong = Vec::new();
    if let Some(body) = &request.body {
        wrong.push(request.clone().with(json!([])));
        let is_secret = |path: &String| {
            let endings = ["ode", "Identifier", "Token"];
            endings.iter().any(|ending| path.ends_with(ending))
        };
        for path in members(body).into_iter().filter(is_secret) {
            let mut body = body.clone();
            *member(&mut body, &path) = json!("ABC-DEF-GHJ");
            wrong.push(request.clone().with(body));
        }
    }
    if let Some(ceremony) = request.operation.completes {
        let person = stage.colleague(&stage.ada).await;
        let mut challenge = ceremony.begin(stage, &person).await;
        challenge["challenge"] = json!("Y2gtYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ");
        wrong.push(ceremony.completion(&person, &challenge));
    }
    for request in wrong {
        let place = request.authorized().await;
        refused.push((request, place));
    }
    refused
}

#[tokio::test]
async fn a_refused_call_writes_nothing() {
    let stage = Stage::new().await;
    let world = &stage.world;
    for operation in operations() {
        let request = operation.request(&stage).await;
        let place = request.authorized().await;
        for (wrong, place) in refused(&stage, &request).await {
            let (answer, cost) = world.cost(wrong.send_from(&place)).await;
            let is_refused = (400..500).contains(&answer.status);
            assert!(is_refused, "{}: {:?}", answer.call, wrong.body);
            let written = (cost.write_transactions, cost.write_statements);
            assert_eq!(written, (0, 0), "{}: {:?}", answer.call, wrong.body);
        }
        request.send_from(&place).await.ok();
        // What may be done once only is refused inside of a transaction, which is taken back.
        let before = world.database_bytes();
        let again = request.send_from(&place).await;
        let is_as_before = world.database_bytes() == before;
        assert!(again.status == 200 || is_as_before, "{}", again.call);
    }
}

//! When the service itself fails: constant text, a request id, and no cause.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::Value;

use crate::support::{
    answer::Answer,
    operations::{Cost, operations},
    stage::Stage,
    stranger::Stranger,
    world::ONE,
};

async fn call(place: &Stranger, method: Method, path: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()));
    place.send_in_failure(request.unwrap()).await
}

#[tokio::test]
async fn without_a_database_every_answer_is_the_same_and_tells_nothing() {
    let stage = Stage::new().await;
    let mut prepared = Vec::new();
    for operation in operations() {
        let request = operation.request(&stage).await;
        let place = request.authorized().await.at(ONE);
        prepared.push((request, place));
    }
    stage.world.warm().await;
    stage.world.store.clone().close().await.unwrap();
    let mut seen = Vec::new();
    for (request, place) in prepared {
        let body = request.body.as_ref().map(Value::to_string);
        let method = request.operation.method.clone();
        let answer = call(&place, method, &request.path, &body.unwrap_or_default()).await;
        if request.operation.id == "ready" {
            answer.refused(503, "not_ready");
        } else if request.operation.cases[0].cost.sqlite == Cost::default() {
            answer.ok();
        } else {
            answer
                .refused(503, "unavailable")
                .saying("Service Unavailable");
            assert_eq!(answer.header("retry-after"), "2");
            assert_eq!(answer.header("access-control-allow-origin"), ONE);
            seen.push(answer.fingerprint());
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

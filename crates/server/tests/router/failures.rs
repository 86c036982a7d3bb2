//! When the service itself fails: constant text, a request id, and no cause.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;

use crate::support::{
    answer::Answer,
    stranger::Stranger,
    world::{ADA, ONE, World},
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
    let world = World::new().await;
    let ada = world.ada().await;
    let challenge = world.stranger().begin_login(&world.acme, ADA).await.ok();
    let login = json!({
        "challengeIdentifier": challenge["challengeIdentifier"],
        "firstFactor": ada.signer.sign(&challenge),
    })
    .to_string();
    let begin = json!({ "orgId": world.acme.organization, "username": ADA }).to_string();
    let code = json!({ "credentialKind": "Key", "code": "ABC-DEF-GHJ" }).to_string();
    world.store.clone().close().await.unwrap();

    let place = ada.place().at(ONE);
    let mut seen = Vec::new();
    for (method, path, body) in [
        (Method::POST, "/auth/login/init", begin.as_str()),
        (Method::POST, "/auth/login", &login),
        (Method::POST, "/auth/credentials/code/init", &code),
        (Method::GET, "/auth/credentials", ""),
        (Method::PUT, "/auth/logout", ""),
    ] {
        let answer = call(&place, method, path, body).await;
        answer
            .refused(500, "internal")
            .saying("Internal Server Error");
        assert_eq!(answer.header("access-control-allow-origin"), ONE);
        seen.push(answer.fingerprint());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");

    let place = world.stranger();
    let answer = call(&place, Method::GET, "/health/ready", "").await;
    answer.refused(503, "not_ready");
    call(&place, Method::GET, "/health/live", "").await.ok();
    call(&place, Method::GET, "/openapi.json", "").await.ok();
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_is_a_failure_too() {
    let world = World::new().await;
    world.warm().await;
    world.store.clone().close().await.unwrap();
    world.wait(std::time::Duration::from_secs(5));
    let place = world.stranger().at(ONE);
    let answer = call(&place, Method::POST, "/auth/login/init", "{}").await;
    answer.refused(500, "internal");
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/auth/login/init")
        .header("access-control-request-method", "POST");
    let answer = place
        .send_in_failure(request.body(Body::empty()).unwrap())
        .await;
    answer.refused(500, "internal");
}

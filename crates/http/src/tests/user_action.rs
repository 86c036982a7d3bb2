//! User actions: what is asked of their header, and what of a request can be signed.

use axum::http::{HeaderValue, StatusCode};
use latchkey_domain::user_action::Method;

use super::{
    samples::action,
    support::{World, bearing, json, send},
};

const CREDENTIAL: &str = "/auth/credentials/cr-6b58p-r53sr-rlrd3l5cj3uc4ome";

#[tokio::test]
async fn without_a_user_action_nothing_is_permitted() {
    let router = World::with_action(action(Method::Delete, CREDENTIAL, "{}")).router();
    let request = || bearing(json("DELETE", CREDENTIAL, ""));
    let answer = send(&router, request()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.code(), "user_action_invalid");
    for value in [&b""[..], b"other", b"\xff"] {
        let mut request = request();
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert("x-dfns-useraction", value);
        assert_eq!(send(&router, request).await.code(), "user_action_invalid");
    }
}

#[tokio::test]
async fn the_body_is_checked_before_the_user_action() {
    let request = json("POST", "/auth/credentials/code", "{\"expiration\":{}}");
    let answer = send(&World::signed_in().router(), bearing(request)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.message(),
        "expiration must be an ISO-8601 date with an offset or an integer Unix time"
    );
}

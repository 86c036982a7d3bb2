//! Which pages may call, and what they may read.

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};

use super::{
    samples::ORIGIN,
    support::{Answer, World, failure, json, send},
};

fn preflight(origin: &str) -> Request<Body> {
    Request::options("/auth/credentials/code")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,x-dfns-sdk-version,x-dfns-useraction",
        )
        .body(Body::empty())
        .unwrap()
}

fn cors_headers(answer: &Answer) -> Vec<(&str, &str)> {
    let headers = answer.headers.iter();
    headers
        .filter(|(name, _)| name.as_str().starts_with("access-control"))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

/// The headers of an answer that pages of the listed origin may read.
fn readable() -> Vec<(&'static str, &'static str)> {
    let exposed = "x-dfns-result-truncated, x-request-id, retry-after";
    vec![
        ("access-control-allow-origin", ORIGIN),
        ("access-control-expose-headers", exposed),
    ]
}

#[tokio::test]
async fn the_preflight_of_a_listed_origin_is_allowed() {
    let answer = send(&World::new().router(), preflight(ORIGIN)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.text, "");
    insta::assert_debug_snapshot!(cors_headers(&answer), @r#"
    [
        (
            "access-control-allow-methods",
            "GET, POST, PUT, DELETE",
        ),
        (
            "access-control-allow-headers",
            "authorization, content-type, x-dfns-useraction, x-dfns-sdk-version, x-dfns-appid, x-dfns-nonce",
        ),
        (
            "access-control-max-age",
            "600",
        ),
        (
            "access-control-allow-origin",
            "https://app.example.com",
        ),
        (
            "access-control-expose-headers",
            "x-dfns-result-truncated, x-request-id, retry-after",
        ),
    ]
    "#);
    assert_eq!(answer.header("vary"), Some("origin"));
}

#[tokio::test]
async fn the_preflight_of_another_origin_is_not() {
    let router = World::new().router();
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com:8443",
        "http://app.example.com",
        "null",
        "",
    ] {
        let answer = send(&router, preflight(origin)).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(cors_headers(&answer), [], "{origin}");
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_errors_too() {
    let router = World::new().router();
    for path in ["/auth/login", "/nowhere", "/auth%2Flogin"] {
        let mut request = json("POST", path, "[]");
        let origin = HeaderValue::from_static(ORIGIN);
        request.headers_mut().insert("origin", origin);
        let answer = send(&router, request).await;
        assert!(answer.status.is_client_error());
        assert_eq!(cors_headers(&answer), readable());
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[tokio::test]
async fn pages_of_listed_origins_alone_may_read_answers() {
    let router = World::new().router();
    for (origin, expected) in [
        (Some(ORIGIN), readable()),
        (Some("https://evil.example"), vec![]),
        (None, vec![]),
    ] {
        let mut live = Request::get("/health/live");
        if let Some(origin) = origin {
            live = live.header("origin", origin);
        }
        let answer = send(&router, live.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(cors_headers(&answer), expected);
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[tokio::test]
async fn origins_of_any_bytes_are_answered() {
    let router = World::new().router();
    for bytes in [&b"\xff\xfe"[..], b"https://app.example.com\x80", b" "] {
        let mut request = preflight(ORIGIN);
        let origin = HeaderValue::from_bytes(bytes).unwrap();
        request.headers_mut().insert("origin", origin);
        let answer = send(&router, request).await;
        assert_eq!(cors_headers(&answer), []);
    }
}

#[tokio::test]
async fn when_the_directory_cannot_be_read_a_preflight_fails() {
    let mut world = World::new();
    world.directory.checkpoint();
    world.directory.expect_load().returning(|| Err(failure()));
    let router = world.router();
    let answer = send(&router, preflight(ORIGIN)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let live = Request::get("/health/live").header("origin", ORIGIN);
    let answer = send(&router, live.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
}

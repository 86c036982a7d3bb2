//! What every request meets, whatever it asks for.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, Request, StatusCode},
};
use futures_util::{StreamExt, stream};
use http_body::{Frame, SizeHint};
use latchkey_service::ports::{administration_store::Population, store::StoreError};

use super::support::{REQUEST_ID, World, bearing, failure, json, send};

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn answers_of_every_sort_are_named_and_hardened() {
    let router = World::new().router();
    for path in [
        "/health/live",
        "/nowhere",
        "/auth/credentials",
        "/auth/login",
    ] {
        let mut request = get(path);
        let chosen = HeaderValue::from_static("chosen-by-the-client");
        request.headers_mut().insert("x-request-id", chosen);
        let answer = send(&router, request).await;
        assert_eq!(answer.header("x-request-id"), Some(REQUEST_ID), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn unknown_paths_have_the_error_body() {
    let router = World::new().router();
    let answer = send(&router, get("/auth/nowhere")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "error": {
        "code": "not_found",
        "id": "07070707070707070707070707070707",
        "message": "there is nothing at this path",
        "status": 404
      },
      "message": "there is nothing at this path"
    }
    "#);
    // A path is known as it is written.
    for path in [
        "/auth",
        "/auth/",
        "/auth/credentials/",
        "/AUTH/login",
        "/auth//login",
    ] {
        let answer = send(&router, get(path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.code(), "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_path_with_a_slash_at_its_end_is_told_how_to_be_asked_for() {
    let router = World::new().router();
    for path in ["/auth/login/", "/auth/login//"] {
        let answer = send(&router, json("POST", path, "{}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            answer.message().ends_with("ask for /auth/login"),
            "{}",
            answer.message()
        );
    }
    for path in ["/", "/nowhere"] {
        let answer = send(&router, get(path)).await;
        assert_eq!(answer.message(), "there is nothing at this path", "{path}");
    }
}

#[tokio::test]
async fn unknown_methods_have_the_error_body_and_say_which_are_known() {
    let router = World::new().router();
    for method in ["GET", "PATCH", "TRACE", "OPTIONS", "BREW"] {
        let answer = send(&router, json(method, "/auth/login", "")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.code(), "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

#[tokio::test]
async fn calls_of_other_versions_are_not_offered() {
    let router = World::new().router();
    for (method, path) in [
        ("POST", "/auth/registration/delegated"),
        ("POST", "/auth/registration/delegated/restart"),
        ("POST", "/auth/registration/social"),
        ("POST", "/auth/registration/enduser"),
        ("POST", "/auth/login/delegated"),
        ("POST", "/auth/login/social"),
        ("POST", "/auth/login/sso/init"),
        ("POST", "/auth/login/sso"),
        ("POST", "/auth/login/oidc/init"),
        ("POST", "/auth/login/oidc"),
        ("GET", "/auth/action/logs"),
        ("GET", "/auth/action/logs/1"),
        ("POST", "/auth/recover/user/delegated"),
        ("POST", "/auth/users/invite"),
        ("GET", "/auth/pats"),
        ("DELETE", "/auth/pats/to-1"),
        ("POST", "/auth/service-accounts"),
        ("PUT", "/auth/service-accounts/us-1/deactivate"),
        ("POST", "/auth/tokens"),
        ("GET", "/auth/apps"),
        ("GET", "/auth/apps/ap-1"),
    ] {
        let answer = send(&router, json(method, path, "{}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.code(), "not_offered", "{path}");
    }
}

#[tokio::test]
async fn ambiguous_paths_are_refused_everywhere() {
    let router = World::new().router();
    let long = format!("/{}", "a".repeat(2048));
    for path in [
        "/auth%2Flogin",
        "/auth/credentials/a%2fb",
        "/nowhere%2f",
        "/auth/login%",
        "/auth/login%zz",
        &long,
    ] {
        let answer = send(&router, json("POST", path, "{}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.code(), "invalid_path", "{path}");
    }
    let answer = send(
        &router,
        bearing(json("DELETE", "/auth/credentials/%ff", "")),
    )
    .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_identifier_in_the_path_is_checked_and_named() {
    let router = World::signed_in().router();
    let request = bearing(json("DELETE", "/auth/credentials/cr-1", ""));
    let answer = send(&router, request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(
        answer.message(),
        @"credentialUuid must be an identifier of the form cr-xxxxx-xxxxx-xxxxxxxxxxxxxxxx"
    );
}

#[tokio::test]
async fn a_body_may_have_256_kib() {
    let router = World::new().router();
    let body = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    let fits = send(&router, json("POST", "/auth/login", body(256 * 1024))).await;
    assert_eq!(fits.code(), "invalid_field");
    let answer = send(&router, json("POST", "/auth/login", body(256 * 1024 + 1))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "body_too_large");
    let answer = send(&router, json("POST", "/nowhere", body(300_000))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_is_too_large_is_dropped_up_to_a_mebibyte() {
    let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel();
    let endless = stream::repeat(Bytes::from(vec![b' '; 64 * 1024])).map(move |chunk| {
        sender.send(chunk.len()).unwrap();
        Ok::<_, Infallible>(chunk)
    });
    let router = World::new().router();
    let answer = send(
        &router,
        json("POST", "/auth/login", Body::from_stream(endless)),
    )
    .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut total = 0;
    while let Ok(length) = sent.try_recv() {
        total += length;
    }
    assert_eq!(total, (256 + 64 + 1024) * 1024);
}

/// A body that says how large it is, and does not arrive. Whoever asks for it is told of.
struct Announced {
    length: u64,
    is_asked_for: Arc<AtomicBool>,
}

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.is_asked_for.store(true, Ordering::Relaxed);
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_announced_as_too_large_is_refused_at_once() {
    let started = tokio::time::Instant::now();
    for (length, asks_first, status) in [
        (256 * 1024 + 1, false, StatusCode::PAYLOAD_TOO_LARGE),
        (u64::MAX, true, StatusCode::PAYLOAD_TOO_LARGE),
        (256 * 1024, false, StatusCode::REQUEST_TIMEOUT),
    ] {
        let is_asked_for = Arc::<AtomicBool>::default();
        let body = Body::new(Announced {
            length,
            is_asked_for: Arc::clone(&is_asked_for),
        });
        let mut request = json("POST", "/auth/login", body);
        if asks_first {
            let expected = HeaderValue::from_static("100-continue");
            request.headers_mut().insert("expect", expected);
        }
        let answer = send(&World::new().router(), request).await;
        assert_eq!(answer.status, status, "{length}");
        let is_at_once = started.elapsed() == Duration::ZERO;
        assert_eq!(is_at_once, status == StatusCode::PAYLOAD_TOO_LARGE);
        tokio::task::yield_now().await;
        assert_eq!(is_asked_for.load(Ordering::Relaxed), !asks_first);
    }
}

#[tokio::test]
async fn who_does_not_name_one_host_is_told_so_with_the_body_of_errors() {
    let router = crate::no_host(World::new().use_cases(), crate::Beside::default());
    let answer = send(&router, get("/health/live")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.code(), "invalid_host");
    assert_eq!(answer.header("x-request-id"), Some(REQUEST_ID));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_408() {
    let never = stream::pending::<Result<Bytes, Infallible>>();
    let request = json("POST", "/auth/login", Body::from_stream(never));
    let started = tokio::time::Instant::now();
    let answer = send(&World::new().router(), request).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.code(), "body_timeout");
    assert_eq!(started.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err("gone")]);
    let request = json("POST", "/auth/login", Body::from_stream(broken));
    let answer = send(&World::new().router(), request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.message(), "the body did not arrive whole");
}

#[tokio::test]
async fn a_panic_is_an_internal_error() {
    // The mock panics, since it expects no call.
    let answer = send(&World::new().router(), get("/health/ready")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "error": {
        "code": "internal",
        "id": "07070707070707070707070707070707",
        "message": "Internal Server Error",
        "status": 500
      },
      "message": "Internal Server Error"
    }
    "#);
    assert_eq!(answer.header("x-request-id"), Some(REQUEST_ID));
}

#[tokio::test]
async fn readiness_asks_the_database() {
    let mut world = World::new();
    world.installation.expect_ping().returning(|| Ok(()));
    let answer = send(&world.router(), get("/health/ready")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut world = World::new();
    world
        .installation
        .expect_ping()
        .returning(|| Err(failure()));
    let answer = send(&world.router(), get("/health/ready")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "not_ready");
    assert!(!answer.text.contains("db-7"), "{}", answer.text);
}

#[tokio::test]
async fn a_store_that_is_not_available_says_when_to_come_back() {
    let mut world = World::signed_in();
    world
        .accounts
        .expect_find_signed_in()
        .returning(|_| Err(StoreError::unavailable("db-7.internal does not answer")));
    let answer = send(&world.router(), bearing(get("/auth/credentials"))).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "unavailable");
    assert_eq!(answer.message(), "Service Unavailable");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert!(!answer.text.contains("db-7"), "{}", answer.text);
}

#[tokio::test]
async fn nobody_is_signed_in_without_a_live_session() {
    let router = World::signed_in().router();
    for authorization in ["", "Bearer other", "Basic session"] {
        let mut request = get("/auth/credentials");
        let value = authorization.parse().unwrap();
        request.headers_mut().insert("authorization", value);
        let answer = send(&router, request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.message(), "Not Authorized.");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn the_served_description_names_the_server() {
    let answer = send(&World::new().router(), get("/openapi.json")).await;
    let served = answer.json();
    assert_eq!(served["servers"][0]["url"], "https://auth.example.com");
    let checked_in: serde_json::Value = serde_json::from_str(&crate::openapi_document()).unwrap();
    assert_eq!(served["paths"], checked_in["paths"]);
}

#[tokio::test]
async fn keys_may_be_cached() {
    let mut world = World::new();
    world
        .tokens
        .expect_jwks()
        .returning(|| "{\"keys\":[]}".to_owned());
    let answer = send(&world.router(), get("/.well-known/jwks.json")).await;
    assert_eq!(answer.text, "{\"keys\":[]}");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/jwk-set+json")
    );
}

#[tokio::test]
async fn a_demonstration_refuses_who_comes_from_elsewhere_until_somebody_has_registered() {
    let has_registered = Arc::new(AtomicBool::new(false));
    let mut world = World::new();
    world.this_machine_alone = true;
    let found = Arc::clone(&has_registered);
    // Before somebody has registered it is asked each time, and then never again.
    world
        .administration
        .expect_population()
        .times(3)
        .returning(move || {
            Ok(Population {
                has_several_users: false,
                has_registered: found.load(Ordering::Relaxed),
            })
        });
    let router = world.router();
    let asking = |name: &'static str, value: &'static str| {
        let mut request = get("/health/live");
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        request
    };
    let forwarded = || asking("x-forwarded-for", "192.0.2.1");
    let named = || asking("host", "auth.example.com");
    for request in [forwarded(), named()] {
        let answer = send(&router, request).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(answer.code(), "this_machine_alone");
        assert!(answer.message().contains("http.public_url"));
    }
    let here = send(&router, asking("host", "one.localhost:8080")).await;
    assert_eq!(here.status, StatusCode::OK);
    has_registered.store(true, Ordering::Relaxed);
    for request in [forwarded(), named(), forwarded()] {
        assert_eq!(send(&router, request).await.status, StatusCode::OK);
    }
}

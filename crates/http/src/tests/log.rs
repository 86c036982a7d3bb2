//! What is logged of a request, and what never is.

use std::{cell::RefCell, io, sync::Once};

use axum::{body::Body, http::Request};
use latchkey_service::ports::{store::StoreError, tokens::InvalidToken};

use super::support::{World, acting, bearing, failure, json, send, sorted};

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A log in memory, one for each thread: a test runs on one thread, so what it reads is its own.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log of all tests. Every test does so before its first request, because what is traced
/// first decides for good whether it is logged.
pub(super) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(|| Log)
            .init();
    });
}

/// Sends the request and gives every line it leaves in the log, at any level.
async fn logged(world: World, request: Request<Body>) -> Vec<serde_json::Value> {
    LOG.take();
    send(&world.router(), request).await;
    let text = String::from_utf8(LOG.take()).unwrap();
    text.lines().map(sorted).collect()
}

#[tokio::test]
async fn a_request_leaves_one_line_that_says_who_and_what() {
    let mut world = World::signed_in();
    let secret = "/auth/credentials/cr-6b58p-r53sr-rlrd3l5cj3uc4ome?force=secret";
    let request = acting(json("DELETE", secret, "{\"secret\":1}"));
    world
        .tokens
        .expect_read_user_action()
        .returning(|_, _| Err(InvalidToken));
    let mut lines = logged(world, request).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0]["duration_ms"] = 0.into();
    insta::assert_json_snapshot!("line_of_somebody", lines[0]);
}

#[tokio::test]
async fn nobody_signed_in_means_nobody_named() {
    let request = json(
        "POST",
        "/auth/login",
        "{\"challengeIdentifier\":\"secret\"}",
    );
    let mut lines = logged(World::new(), request).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0]["duration_ms"] = 0.into();
    insta::assert_json_snapshot!("line_of_nobody", lines[0]);
}

#[tokio::test]
async fn what_clients_make_up_is_not_logged() {
    let request = json("SECRET", "/secret/path?secret", "secret");
    let mut request = bearing(request);
    let origin = "https://secret.example".parse().unwrap();
    request.headers_mut().insert("origin", origin);
    let lines = logged(World::new(), request).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["method"], "other");
    assert_eq!(lines[0]["route"], "none");
    let text = lines[0].to_string();
    assert!(!text.to_lowercase().contains("secret"), "{text}");
}

#[tokio::test]
async fn a_failure_leaves_its_cause_once_under_the_request_id() {
    let mut world = World::signed_in();
    world
        .accounts
        .expect_find_signed_in()
        .returning(|_| Err(failure()));
    let request = bearing(json("GET", "/auth/credentials", ""));
    let lines = logged(world, request).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(
        lines[0]["cause"],
        "the store failed: the disk of db-7.internal is full"
    );
    assert_eq!(lines[0]["request_id"], lines[1]["request_id"]);
    assert_eq!(lines[1]["status"], 500);
}

#[tokio::test]
async fn a_store_that_is_not_available_leaves_its_cause_once() {
    let mut world = World::signed_in();
    let away = || StoreError::unavailable("db-7.internal does not answer");
    world
        .accounts
        .expect_find_signed_in()
        .returning(move |_| Err(away()));
    let request = bearing(json("GET", "/auth/credentials", ""));
    let lines = logged(world, request).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let cause = "the store is not available: db-7.internal does not answer";
    assert_eq!(lines[0]["cause"], cause);
    assert_eq!(lines[1]["status"], 503);
}

#[tokio::test]
async fn a_panic_leaves_its_text_once() {
    let request = Request::get("/health/ready").body(Body::empty()).unwrap();
    let lines = logged(World::new(), request).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let cause = lines[0]["cause"].as_str().unwrap();
    assert!(cause.starts_with("panic: "), "{cause}");
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_told_of_once_until_others_are_trusted() {
    let world = World::new();
    let trusted = world.trusted_proxies.clone();
    let router = world.router();
    LOG.take();
    for others in [None, None, Some("192.0.2.1/32"), None] {
        if let Some(others) = others {
            trusted.change(vec![others.parse().unwrap()]);
        }
        let mut request = json("POST", "/auth/login/init", "{}");
        let client = "203.0.113.9".parse().unwrap();
        request.headers_mut().insert("x-forwarded-for", client);
        send(&router, request).await;
    }
    let text = String::from_utf8(LOG.take()).unwrap();
    let lines: Vec<_> = text.lines().map(sorted).collect();
    let warnings: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "WARN")
        .collect();
    assert_eq!(warnings.len(), 2, "{lines:?}");
    assert_eq!(warnings[1]["peer"], "127.0.0.1");
    // Who the client says it is, is nobody's business.
    assert!(!text.contains("203.0.113.9"), "{text}");
}

#[tokio::test]
async fn a_probe_that_is_answered_is_a_detail_and_one_that_fails_is_none() {
    let live = || Request::get("/health/live").body(Body::empty()).unwrap();
    let lines = logged(World::new(), live()).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "DEBUG");
    assert_eq!(lines[0]["route"], "/health/live");
    // Nobody expects to be asked, so this one panics.
    let ready = Request::get("/health/ready").body(Body::empty()).unwrap();
    let lines = logged(World::new(), ready).await;
    assert_eq!(lines[1]["level"], "INFO");
    assert_eq!(lines[1]["status"], 500);
}

#[tokio::test]
async fn every_other_answer_is_told() {
    let nothing = Request::get("/nothing").body(Body::empty()).unwrap();
    let lines = logged(World::new(), nothing).await;
    assert_eq!(lines[0]["level"], "INFO");
    let refused = json("POST", "/auth/credentials/code/status", "{}");
    let lines = logged(World::new(), refused).await;
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["status"], 400);
}

//! Refusals that people are told by pages of somebody else's, and programs in JSON.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{
        HeaderMap, Method, Request, StatusCode,
        header::{CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use latchkey_service::ports::store::StoreError;

use super::support::{Answer, REQUEST_ID, World, bearing, send};
use crate::{Beside, as_they_are, no_room};

/// A page for who asks for nothing but pages. It tells what else it was told of the request.
fn page(headers: &HeaderMap, status: StatusCode, request_id: &str) -> Option<Response> {
    let mut text = format!("{} {request_id}", status.as_u16());
    for language in headers.get_all("accept-language") {
        text.push(' ');
        text.push_str(language.to_str().unwrap());
    }
    let accept = headers.get("accept")?;
    (accept == "text/html").then(|| {
        let told = [(CONTENT_TYPE, "text/html"), (VARY, "accept-language")];
        (status, told, text).into_response()
    })
}

fn beside(routes: Router) -> Beside {
    Beside {
        routes,
        refusal_page: Some(Arc::new(page)),
        ..Beside::default()
    }
}

async fn ask(router: &Router, method: Method, path: &str, accept: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("accept", accept);
    send(router, request.body(Body::empty()).unwrap()).await
}

fn require_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(answer.text, format!("{status} {REQUEST_ID}"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("x-request-id"), Some(REQUEST_ID));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let varies: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(varies, ["accept-language", "origin", "accept"]);
}

#[tokio::test]
async fn who_opens_what_is_refused_gets_a_page_and_a_program_gets_json() {
    let router = World::signed_in().router_with(beside(Router::new()));
    for (path, status) in [
        ("/nowhere", 404),
        ("/auth/login", 405),
        ("/auth/credentials", 401),
        ("/auth%2Flogin", 400),
    ] {
        let answer = ask(&router, Method::GET, path, "text/html").await;
        require_page(&answer, status);
        for accept in ["*/*", "application/json", "text/plain"] {
            let answer = ask(&router, Method::GET, path, accept).await;
            assert_eq!(answer.status.as_u16(), status, "{path}");
            assert_eq!(answer.json()["error"]["status"], status, "{path}");
        }
    }
    let answer = ask(&router, Method::GET, "/auth/login", "text/html").await;
    assert_eq!(answer.header("allow"), Some("POST"));
    let answer = ask(&router, Method::GET, "/auth/credentials", "text/html").await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_page_is_told_in_which_languages_it_is_wanted_and_nothing_else() {
    let router = World::signed_in().router_with(beside(Router::new()));
    let request = Request::get("/nowhere")
        .header("accept", "text/html")
        .header("accept-language", "de")
        .header("accept-language", "fr;q=0.5")
        .header("cookie", "a=b");
    let answer = send(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.text, format!("404 {REQUEST_ID} de fr;q=0.5"));
}

#[tokio::test]
async fn who_changes_something_is_no_reader() {
    let router = World::new().router_with(beside(Router::new()));
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = ask(&router, method, "/nowhere", "text/html").await;
        assert_eq!(answer.code(), "not_found");
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[tokio::test]
async fn without_pages_everybody_gets_json() {
    let router = World::new().router();
    let answer = ask(&router, Method::GET, "/nowhere", "text/html").await;
    assert_eq!(answer.code(), "not_found");
}

#[tokio::test]
async fn a_page_that_is_away_is_told_like_a_call_that_is() {
    let away = get(async || StatusCode::SERVICE_UNAVAILABLE);
    let mut world = World::signed_in();
    world
        .accounts
        .expect_find_signed_in()
        .returning(|_| Err(StoreError::unavailable("it does not answer")));
    let router = world.router_with(beside(Router::new().route("/page", away)));
    let answer = ask(&router, Method::GET, "/page", "text/html").await;
    require_page(&answer, 503);
    assert_eq!(answer.header("retry-after"), Some("2"));
    let answer = ask(&router, Method::GET, "/page", "*/*").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "unavailable");
    assert_eq!(answer.header("retry-after"), Some("2"));
    let mut request = Request::get("/auth/credentials")
        .body(Body::empty())
        .unwrap();
    let accept = "text/html".parse().unwrap();
    request.headers_mut().insert("accept", accept);
    require_page(&send(&router, bearing(request)).await, 503);
}

#[tokio::test]
async fn what_somebody_elses_routes_answer_is_no_refusal_of_ours() {
    let theirs = get(async || (StatusCode::NOT_FOUND, "theirs"));
    let theirs = as_they_are(Router::new().route("/theirs", theirs));
    let router = World::new().router_with(beside(theirs));
    let answer = ask(&router, Method::GET, "/theirs", "text/html").await;
    assert_eq!(answer.text, "theirs");
}

#[tokio::test]
async fn who_finds_no_room_is_told_so_by_a_page_that_looks_as_it_should() {
    let style = get(async || "style");
    let routes = Router::new().route("/style.css", style);
    let full = no_room(World::new().use_cases(), beside(routes));
    let answer = ask(&full, Method::GET, "/auth/credentials", "text/html").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text, format!("503 {REQUEST_ID}"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let answer = ask(&full, Method::GET, "/style.css", "text/css").await;
    assert_eq!(answer.text, "style");
    let answer = ask(&full, Method::GET, "/auth/credentials", "*/*").await;
    assert_eq!(answer.code(), "unavailable");
}

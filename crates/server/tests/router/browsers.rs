//! Browsers: pages of registered origins may call, others may not read the answers.

use axum::{
    body::Body,
    http::{Method, Request},
};

use crate::support::{
    answer::Answer,
    stranger::Stranger,
    world::{ADA, ONE, RIVAL, TWO, UNLISTED, World},
};

const PATHS: [&str; 5] = [
    "/auth/login/init",
    "/auth/credentials",
    "/auth/credentials/code/verify",
    "/auth/users",
    "/nowhere",
];

async fn preflight(place: &Stranger, path: &str, method: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri(path)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "content-type,authorization,x-dfns-sdk-version,x-dfns-useraction",
        );
    place.send(request.body(Body::empty()).unwrap()).await
}

fn names(list: &str) -> Vec<String> {
    let mut names: Vec<_> = list
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_preflight_from_a_registered_origin_is_granted() {
    let world = World::new().await;
    for origin in [ONE, TWO, RIVAL] {
        for path in PATHS {
            let answer = preflight(&world.stranger().at(origin), path, "POST").await;
            assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert_eq!(
                names(answer.header("access-control-allow-methods")),
                ["delete", "get", "post", "put"]
            );
            assert_eq!(
                names(answer.header("access-control-allow-headers")),
                [
                    "authorization",
                    "content-type",
                    "x-dfns-appid",
                    "x-dfns-nonce",
                    "x-dfns-sdk-version",
                    "x-dfns-useraction",
                ]
            );
            assert!(names(answer.header("vary")).contains(&"origin".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_preflight_from_any_other_origin_is_not() {
    let world = World::new().await;
    for origin in [
        UNLISTED,
        "null",
        "http://one.example",
        "https://one.example:444",
        "https://xone.example",
        "https://sub.one.example",
        "*",
    ] {
        let place = world.stranger().at(origin);
        let answer = preflight(&place, "/auth/login/init", "POST").await;
        for header in [
            "access-control-allow-origin",
            "access-control-allow-methods",
            "access-control-allow-headers",
        ] {
            assert_eq!(answer.header(header), "", "{origin}");
        }
        assert!(names(answer.header("vary")).contains(&"origin".to_owned()));
    }
}

#[tokio::test]
async fn every_answer_to_a_registered_origin_can_be_read() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = ada.place().at(ONE);
    let mut answers = vec![
        place.begin_login(&world.acme, ADA).await,
        place.get("/auth/credentials").await,
        place.begin_with_code("Key", "ABC-DEF-GHJ").await,
        place.get("/auth/users").await,
        place.get("/nowhere").await,
        place.get("/auth/login").await,
        place.call(Method::POST, "/auth/login", Some("{")).await,
        place
            .call(Method::POST, "/auth/login", Some(&"x".repeat(300_000)))
            .await,
    ];
    for _ in 0..10 {
        answers.push(place.begin_with_code("Key", "ABC-DEF-GHJ").await);
    }
    let statuses: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses.into_iter().collect::<Vec<_>>(),
        [200, 400, 403, 404, 405, 413, 429]
    );
    for answer in answers {
        assert_eq!(answer.header("access-control-allow-origin"), ONE);
        assert_eq!(
            names(answer.header("access-control-expose-headers")),
            ["retry-after", "x-dfns-result-truncated", "x-request-id"]
        );
        assert!(names(answer.header("vary")).contains(&"origin".to_owned()));
    }
}

#[tokio::test]
async fn no_answer_to_another_origin_can_be_read() {
    let world = World::new().await;
    let ada = world.ada().await;
    for origin in [UNLISTED, "null"] {
        let place = ada.place().at(origin);
        for answer in [
            place.get("/auth/credentials").await,
            place.get("/openapi.json").await,
            place.get("/nowhere").await,
            place.begin_login(&world.acme, ADA).await,
        ] {
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    let answer = ada.place().get("/auth/credentials").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn two_origins_are_none() {
    let world = World::new().await;
    let request = Request::builder()
        .method(Method::GET)
        .uri("/health/live")
        .header("origin", ONE)
        .header("origin", TWO);
    let answer = world
        .stranger()
        .send(request.body(Body::empty()).unwrap())
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn nothing_is_cached_or_sniffed() {
    let world = World::new().await;
    let ada = world.ada().await;
    for answer in [
        ada.get("/auth/credentials").await,
        world.stranger().begin_login(&world.acme, ADA).await,
        world.stranger().get("/nowhere").await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let world = World::new().await;
    let place = world
        .stranger()
        .with_header("x-request-id", "chosen-by-the-client");
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let answer = place.get("/nowhere").await;
        ids.insert(answer.header("x-request-id").to_owned());
    }
    assert_eq!(ids.len(), 20);
    assert!(!ids.contains("chosen-by-the-client"));
}

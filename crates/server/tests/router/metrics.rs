//! Metrics: every request counts under its route, every ceremony under its outcome and reason, and no label is
//! anything that a client wrote.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::Body,
    http::{Method, Request},
};
use latchkey_service::events::{Event, Reason};

use crate::support::{
    operations::{cases, operations},
    stage::Stage,
    world::{ONE, World},
};

/// A line of what is told: the name of a series, its labels, and its value.
#[derive(Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Series {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
        let labels = pairs.map(|pair| {
            let (label, text) = pair.split_once("=\"").unwrap();
            (label.to_owned(), text.trim_end_matches('"').to_owned())
        });
        Self {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().unwrap(),
        }
    }

    fn has(&self, label: &str, text: &str) -> bool {
        self.labels.get(label).is_some_and(|found| found == text)
    }
}

async fn told(world: &World) -> Vec<Series> {
    let text = world.metrics.text(&world.use_cases).await.unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(Series::read).collect()
}

/// How many requests were answered so.
async fn answered(world: &World, method: &str, route: &str, status: &str) -> f64 {
    let all = told(world).await;
    let counts = all.iter().filter(|series| {
        series.name == "http_server_request_duration_seconds_count"
            && series.has("http_request_method", method)
            && series.has("http_route", route)
            && series.has("http_response_status_code", status)
    });
    counts.map(|series| series.value).sum()
}

/// How often that came of an event.
async fn concluded(world: &World, event: Event, refused: Option<Reason>) -> f64 {
    let all = told(world).await;
    let counts = all.iter().filter(|series| {
        series.name == "latchkey_security_events_total"
            && series.has("event", event.as_str())
            && series.has("outcome", Reason::outcome(refused))
            && series.has("reason", refused.map_or("", Reason::as_str))
    });
    counts.map(|series| series.value).sum()
}

#[tokio::test]
async fn every_operation_counts_under_its_route() {
    let stage = Stage::new().await;
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        let place = request.authorized().await;
        let method = operation.method.as_str();
        let before = answered(&stage.world, method, operation.path, "200").await;
        request.send_from(&place).await.ok();
        let after = answered(&stage.world, method, operation.path, "200").await;
        assert!((after - before - 1.0).abs() < 0.1, "{}", operation.id);
    }
    let all = told(&stage.world).await;
    let mut active = all
        .iter()
        .filter(|series| series.name == "http_server_active_requests");
    assert!(active.all(|series| series.value == 0.0), "{all:#?}");
}

#[tokio::test]
async fn every_ceremony_counts_its_beginning_its_success_and_why_it_is_refused() {
    let stage = Stage::new().await;
    let done = async |event| concluded(&stage.world, event, None).await;
    let mut before = BTreeMap::new();
    let events = [
        Event::BeginRegistration,
        Event::Register,
        Event::BeginRecovery,
        Event::Recover,
        Event::BeginSignIn,
        Event::SignIn,
        Event::BeginUserAction,
        Event::SignUserAction,
        Event::BeginCredential,
        Event::AddCredential,
        Event::IssueCode,
        Event::ClaimCode,
        Event::RedeemCode,
        Event::ReleaseCode,
        Event::RequestCode,
        Event::FindCodeRequest,
        Event::GrantCodeRequest,
        Event::RefuseCodeRequest,
        Event::ApproveCredential,
        Event::RefuseCredential,
        Event::CancelCode,
        Event::MailCode,
    ];
    for event in events {
        before.insert(event.as_str(), done(event).await);
    }
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        request.send().await.ok();
    }
    for event in events {
        let times = done(event).await - before[event.as_str()];
        assert!(times > 0.5, "{}", event.as_str());
    }
    let place = stage.world.stranger().at(ONE);
    for _ in 0..3 {
        let refused = place.begin_with_code("Key", "AAA-BBB-CCC").await;
        refused.refused_code();
    }
    let wrong = concluded(&stage.world, Event::ClaimCode, Some(Reason::InvalidCode)).await;
    assert!((wrong - 3.0).abs() < 0.1, "{wrong}");
}

#[tokio::test]
async fn tries_beyond_a_limit_are_counted_as_throttled() {
    let world = World::new().await;
    let place = world.stranger().at(ONE);
    for _ in 0..12 {
        place.begin_with_code("Key", "AAA-BBB-CCC").await;
    }
    let throttled = concluded(&world, Event::ClaimCode, Some(Reason::Throttled)).await;
    assert!((throttled - 2.0).abs() < 0.1, "{throttled}");
}

/// What a client makes up, wherever it can be put.
const MADE_UP: &str = "made-up-by-a-client";

#[tokio::test]
async fn no_label_is_anything_that_a_client_wrote() {
    let stage = Stage::new().await;
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        request.send().await.ok();
    }
    let place = stage.world.stranger().with_header("user-agent", MADE_UP);
    for (method, path) in [
        (MADE_UP, "/auth/login"),
        ("GET", "/made-up-by-a-client"),
        ("GET", "/auth/users/made-up-by-a-client"),
        ("TRACE", "/made-up-by-a-client?made-up-by-a-client=1"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder().method(method).uri(path);
        place.send(request.body(Body::empty()).unwrap()).await;
    }
    let body = serde_json::json!({
        "code": MADE_UP,
        "credentialKind": "Key",
        "username": MADE_UP,
    });
    place.post("/auth/credentials/code/init", &body).await;
    let allowed = allowed();
    let mut checked = 0;
    for series in told(&stage.world).await {
        for (label, text) in &series.labels {
            let Some(texts) = allowed.get(label.as_str()) else {
                panic!("{}: nobody knows the label {label}", series.name);
            };
            checked += 1;
            let is_allowed = texts.contains(text) || label == "le" || label == "version";
            assert!(is_allowed, "{}: {label}=\"{text}\"", series.name);
        }
    }
    assert!(checked > 1_000, "{checked}");
}

/// Every label, and what it may be.
fn allowed() -> BTreeMap<&'static str, BTreeSet<String>> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let methods = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "_OTHER",
    ];
    let mut routes: BTreeSet<_> = operations()
        .iter()
        .map(|operation| operation.path.to_owned())
        .collect();
    routes.insert("_OTHER".to_owned());
    BTreeMap::from([
        ("http_request_method", owned(&methods)),
        ("http_route", routes),
        (
            "http_response_status_code",
            (100..600_u16).map(|status| status.to_string()).collect(),
        ),
        (
            "event",
            Event::ALL
                .iter()
                .map(|event| event.as_str().to_owned())
                .collect(),
        ),
        ("outcome", owned(&["succeeded", "refused", "failed"])),
        (
            "reason",
            Reason::ALL
                .iter()
                .map(|reason| reason.as_str().to_owned())
                .chain([String::new()])
                .collect(),
        ),
        ("db_system_name", owned(&["sqlite", "postgresql"])),
        ("call", owned(&["read", "write"])),
        (
            "db_client_connection_pool_name",
            owned(&["reader", "writer", "all"]),
        ),
        ("db_client_connection_state", owned(&["used", "idle"])),
        ("le", BTreeSet::new()),
        ("version", BTreeSet::new()),
    ])
}

#[tokio::test]
async fn the_public_listener_has_no_metrics() {
    let world = World::new().await;
    let place = world.stranger();
    place.get("/metrics").await.refused(404, "not_found");
}

#[tokio::test]
async fn without_a_database_metrics_are_told_all_the_same() {
    let world = World::new().await;
    world.ada().await;
    world.store.clone().close().await.unwrap();
    let all = told(&world).await;
    let outbox = all
        .iter()
        .find(|series| series.name == "latchkey_outbox_messages");
    assert!(outbox.unwrap().value.is_nan());
    let signed_in = concluded(&world, Event::SignIn, None).await;
    assert!(signed_in > 0.5);
}

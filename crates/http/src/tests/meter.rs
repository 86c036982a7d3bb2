//! What is heard of requests.

use std::{
    future::pending,
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, http::Request, routing::get};
use tokio::time::timeout;

use super::support::{World, json, send};
use crate::{Beside, Meter};

/// Hears of requests.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn take(&self) -> Vec<String> {
        mem::take(&mut self.0.lock().unwrap())
    }

    fn hear(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Meter for Heard {
    fn begun(&self, method: &'static str) {
        self.hear(format!("begun {method}"));
    }

    fn answered(&self, method: &'static str, route: Option<&str>, status: u16, _took: Duration) {
        self.hear(format!("answered {method} {route:?} {status}"));
    }

    fn over(&self, method: &'static str) {
        self.hear(format!("over {method}"));
    }
}

fn measured() -> (Router, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let pages = Router::new().route("/hangs/{name}", get(pending::<()>));
    let beside = Beside {
        routes: pages,
        meter: heard.clone(),
        ..Beside::default()
    };
    (World::new().router_with(beside), heard)
}

#[tokio::test]
async fn a_request_is_heard_of_by_its_method_route_and_status() {
    let (router, heard) = measured();
    for (request, answered) in [
        (
            json("POST", "/auth/login", "{}"),
            [
                "begun POST",
                "answered POST Some(\"/auth/login\") 400",
                "over POST",
            ],
        ),
        (
            json("GET", "/auth/users/us-made-up", ""),
            [
                "begun GET",
                "answered GET Some(\"/auth/users/{userId}\") 400",
                "over GET",
            ],
        ),
        (
            json("GET", "/made/up", ""),
            ["begun GET", "answered GET None 404", "over GET"],
        ),
        (
            json("MADE-UP", "/made/up", ""),
            ["begun other", "answered other None 404", "over other"],
        ),
    ] {
        send(&router, request).await;
        assert_eq!(heard.take(), answered);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_client_goes_away_is_over_and_was_never_answered() {
    let (router, heard) = measured();
    let request = Request::get("/hangs/long").body(Body::empty()).unwrap();
    let answer = timeout(Duration::from_secs(1), send(&router, request)).await;
    assert!(answer.is_err());
    assert_eq!(heard.take(), ["begun GET", "over GET"]);
}

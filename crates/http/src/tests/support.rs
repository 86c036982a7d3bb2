//! A world of mocks, and requests to it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use ipnet::IpNet;
use latchkey_domain::user_action::UserAction;
use latchkey_json::Value as Strict;
use latchkey_service::{
    live::Live,
    ports::{
        Ports, Stores,
        account_store::MockAccountStore,
        administration_store::MockAdministrationStore,
        clock::MockClock,
        directory_store::{DirectoryEntries, MockDirectoryStore},
        entropy::MockEntropy,
        installation_store::MockInstallationStore,
        session_store::MockSessionStore,
        store::StoreError,
        tokens::{InvalidToken, MockTokens},
    },
    use_cases::{ServiceSettings, UseCases},
};
use serde_json::Value;
use tower::ServiceExt;

use super::samples::{NOW, application, session, signed, tenant};
use crate::{Beside, HttpSettings, router_with_pages};

/// The id of every request: the entropy always draws the same.
pub(super) const REQUEST_ID: &str = "07070707070707070707070707070707";

/// The ports that cases are about, as mocks; of the others nothing is expected.
pub(super) struct World {
    pub(super) directory: MockDirectoryStore,
    pub(super) accounts: MockAccountStore,
    pub(super) sessions: MockSessionStore,
    pub(super) installation: MockInstallationStore,
    pub(super) tokens: MockTokens,
    pub(super) administration: MockAdministrationStore,
    pub(super) trusted_proxies: Live<Vec<IpNet>>,
    pub(super) this_machine_alone: bool,
}

impl World {
    /// One organization with one application.
    pub(super) fn new() -> Self {
        super::log::start();
        let mut directory = MockDirectoryStore::new();
        directory.expect_load().returning(|| {
            Ok(DirectoryEntries {
                organizations: vec![tenant()],
                applications: vec![application()],
            })
        });
        Self {
            directory,
            accounts: MockAccountStore::new(),
            sessions: MockSessionStore::new(),
            installation: MockInstallationStore::new(),
            tokens: MockTokens::new(),
            administration: MockAdministrationStore::new(),
            trusted_proxies: Live::default(),
            this_machine_alone: false,
        }
    }

    /// Where the bearer token `session` is of somebody signed in, and no other is.
    pub(super) fn signed_in() -> Self {
        let mut world = Self::new();
        world.tokens.expect_read_session().returning(|token, _| {
            if token == "session" {
                Ok(session())
            } else {
                Err(InvalidToken)
            }
        });
        world.sessions.expect_is_live().returning(|_| Ok(true));
        world
    }

    /// Where the user action token `action` permits this action besides, and no other does.
    pub(super) fn with_action(action: UserAction) -> Self {
        let mut world = Self::signed_in();
        world
            .tokens
            .expect_read_user_action()
            .returning(move |token, _| match token {
                "action" => Ok(signed(action.clone())),
                _ => Err(InvalidToken),
            });
        world
    }

    /// The router of this world.
    pub(super) fn router(self) -> Router {
        self.router_with(Beside::default())
    }

    /// The same with that beside it.
    pub(super) fn router_with(self, beside: Beside) -> Router {
        let this_machine_alone = self.this_machine_alone;
        let settings = HttpSettings {
            trusted_proxies: self.trusted_proxies.clone(),
            public_url: "https://auth.example.com".to_owned(),
            this_machine_alone,
        };
        router_with_pages(self.use_cases(), settings, beside)
    }

    /// The use cases of this world.
    pub(super) fn use_cases(self) -> Arc<UseCases> {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(NOW);
        let mut entropy = MockEntropy::new();
        entropy.expect_draw().return_const([7; 32]);
        let ports = Ports {
            clock: Arc::new(clock),
            entropy: Arc::new(entropy),
            tokens: Arc::new(self.tokens),
            stores: Stores {
                directory: Arc::new(self.directory),
                accounts: Arc::new(self.accounts),
                sessions: Arc::new(self.sessions),
                installation: Arc::new(self.installation),
                administration: Arc::new(self.administration),
                ..Stores::mocks()
            },
            ..Ports::mocks()
        };
        Arc::new(UseCases::new(ports, ServiceSettings::default()))
    }
}

/// What a client gets.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        sorted(&self.text)
    }

    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    pub(super) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Sends a request.
pub(super) async fn send(router: &Router, mut request: Request<Body>) -> Answer {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4711));
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// JSON with its members in order: which one the library keeps depends on what else is built along.
pub(super) fn sorted(text: &str) -> Value {
    serde_json::from_str(&Strict::read(text.as_bytes()).unwrap().canonical()).unwrap()
}

/// A request with a JSON body.
pub(super) fn json(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// The same request by somebody signed in.
pub(super) fn bearing(mut request: Request<Body>) -> Request<Body> {
    let token = "Bearer session".parse().unwrap();
    request.headers_mut().insert("authorization", token);
    request
}

/// The same request by somebody signed in, with a user action.
pub(super) fn acting(request: Request<Body>) -> Request<Body> {
    let mut request = bearing(request);
    let token = "action".parse().unwrap();
    request.headers_mut().insert("x-dfns-useraction", token);
    request
}

pub(super) fn failure() -> StoreError {
    StoreError::new("the disk of db-7.internal is full")
}

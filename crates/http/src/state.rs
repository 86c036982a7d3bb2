//! What handlers and extractors reach.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use ipnet::IpNet;
use latchkey_service::{live::Live, use_cases::UseCases};

use crate::meter::{Meter, Unmetered};

/// How requests are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpSettings {
    /// Peers whose `X-Forwarded-For` is believed. They may change while the service runs.
    pub trusted_proxies: Live<Vec<IpNet>>,
    /// Where clients reach the service, without a slash at the end; the API description names it.
    pub public_url: String,
    /// Whether, until somebody has registered, requests are refused that come through a proxy or ask for
    /// another machine than the one they come from.
    pub this_machine_alone: bool,
}

/// How a read that is refused is told to a person: from the headers that say what the client accepts, and in which
/// language (`Accept` and `Accept-Language`, RFC 9110 §12.5), the status and the id of the request, a page; none for a
/// client that would rather have the error as JSON. A page that is one of several says so in `Vary`.
pub type RefusalPage = Arc<dyn Fn(&HeaderMap, StatusCode, &str) -> Option<Response> + Send + Sync>;

/// What is beside the API.
#[derive(Clone)]
pub struct Beside {
    /// Pages, or routes of somebody else's.
    pub routes: Router,
    /// How refusals are told to people; without it everybody gets JSON.
    pub refusal_page: Option<RefusalPage>,
    /// Who hears of every request.
    pub meter: Arc<dyn Meter>,
}

impl Default for Beside {
    /// Nothing, and nobody.
    fn default() -> Self {
        Self {
            routes: Router::new(),
            refusal_page: None,
            meter: Arc::new(Unmetered),
        }
    }
}

/// What handlers and extractors reach; cloned for every request.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) settings: Arc<HttpSettings>,
    /// Who was trusted when it was told that somebody forwards who is not.
    pub(crate) told_of_forwarding: Live<Option<Vec<IpNet>>>,
    /// The API description as it is served.
    pub(crate) description: Arc<str>,
    /// Hears of every request.
    pub(crate) meter: Arc<dyn Meter>,
    /// How refusals are told to people.
    pub(crate) refusal_page: Option<RefusalPage>,
}

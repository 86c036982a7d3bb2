//! What handlers and extractors reach.

use std::sync::{Arc, atomic::AtomicBool};

use ipnet::IpNet;
use latchkey_service::{live::Live, use_cases::UseCases};

use crate::meter::Meter;

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

/// What handlers and extractors reach; cloned for every request.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) settings: Arc<HttpSettings>,
    /// Whether it was told that somebody forwards who is not trusted.
    pub(crate) has_told_of_forwarding: Arc<AtomicBool>,
    /// The API description as it is served.
    pub(crate) description: Arc<str>,
    /// Hears of every request.
    pub(crate) meter: Arc<dyn Meter>,
}

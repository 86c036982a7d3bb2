//! A demonstration is for the machine it runs on. Until somebody has registered there, whoever comes
//! through a proxy, or asks for another machine, is refused: its first user would be anybody's.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};
use latchkey_domain::host::RequestHost;
use latchkey_service::{ports::store::StoreError, use_cases::UseCases};

use crate::error::{ApiError, ErrorCode};

/// What proxies add to the requests they pass on.
const FORWARDING: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// An installation that is for this machine alone until somebody has registered.
#[derive(Clone)]
pub(crate) struct Alone {
    use_cases: Arc<UseCases>,
    /// Once known it stays so, and nothing is asked any more.
    has_registered: Arc<AtomicBool>,
    is_told: Arc<AtomicBool>,
}

impl Alone {
    pub(crate) fn new(use_cases: Arc<UseCases>) -> Self {
        Self {
            use_cases,
            has_registered: Arc::default(),
            is_told: Arc::default(),
        }
    }

    async fn has_registered(&self) -> Result<bool, StoreError> {
        if self.has_registered.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let found = self.use_cases.administration.population().await?;
        self.has_registered
            .store(found.has_registered, Ordering::Relaxed);
        Ok(found.has_registered)
    }
}

/// See the module.
pub(crate) async fn alone(State(alone): State<Alone>, request: Request, next: Next) -> Response {
    if !is_from_elsewhere(request.headers()) {
        return next.run(request).await;
    }
    match alone.has_registered().await {
        Ok(true) => next.run(request).await,
        Ok(false) => {
            let error = ApiError::new(ErrorCode::ThisMachineAlone);
            if !alone.is_told.swap(true, Ordering::Relaxed) {
                tracing::warn!("a request from elsewhere was refused: {}", error.message);
            }
            error.into_response()
        }
        Err(error) => ApiError::from(error).into_response(),
    }
}

/// Whether a proxy passed the request on, or another machine is asked for.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(*name));
    let mut hosts = headers.get_all(HOST).iter();
    let is_asked_here = hosts.all(|host| {
        let host = host.to_str().ok().and_then(RequestHost::parse);
        host.is_some_and(|host| host.is_loopback())
    });
    is_forwarded || !is_asked_here
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn whoever_comes_through_a_proxy_or_asks_for_another_machine_is_from_elsewhere() {
        let with = |name: &'static str, value| {
            let name = HeaderName::from_static(name);
            HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
        };
        assert!(!is_from_elsewhere(&HeaderMap::new()));
        for host in [
            "localhost:8080",
            "one.localhost:8080",
            "127.0.0.1",
            "[::1]:1",
        ] {
            assert!(!is_from_elsewhere(&with("host", host)), "{host}");
        }
        for host in ["auth.example.com", "192.0.2.1:8080", ""] {
            assert!(is_from_elsewhere(&with("host", host)), "{host}");
        }
        for name in FORWARDING {
            let mut headers = with(name, "192.0.2.1");
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            assert!(is_from_elsewhere(&headers), "{name}");
        }
    }
}

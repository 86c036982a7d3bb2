//! A demonstration is for the machine it runs on. Until somebody has registered there, whoever comes
//! through a proxy, asks for another machine or comes from a page there, is refused: its first user would be
//! anybody's.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{HOST, ORIGIN},
    },
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

/// Whether a proxy passed the request on, another machine is asked for, or a page there asks. A proxy may say
/// nothing of itself, and ask for this machine; what browsers say of pages it leaves as it is. Where a link was
/// followed from (`Referer`) tells nothing: anybody here may follow one.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(*name));
    let names = [HOST, ORIGIN];
    let mut places = names.iter().flat_map(|name| headers.get_all(name));
    is_forwarded || !places.all(is_this_machine)
}

/// Whether a host or an origin is of this machine. An origin that is kept secret is not.
fn is_this_machine(place: &HeaderValue) -> bool {
    let Ok(place) = place.to_str() else {
        return false;
    };
    let host = place
        .split_once("://")
        .map_or(place, |(_scheme, host)| host);
    RequestHost::parse(host).is_some_and(|host| host.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, header::REFERER};

    use super::*;

    #[test]
    fn whoever_comes_through_a_proxy_or_another_machine_or_its_pages_is_from_elsewhere() {
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
        // As a proxy passes it on that keeps to itself, and asks for this machine.
        let from_page = |page| {
            let mut headers = with("host", "127.0.0.1:8080");
            headers.insert(ORIGIN, HeaderValue::from_static(page));
            is_from_elsewhere(&headers)
        };
        for page in [
            "http://one.localhost:8080",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert!(!from_page(page), "{page}");
        }
        for page in [
            "https://auth.example.com",
            "http://localhost.example.com",
            "http://localhost@auth.example.com",
            "http://auth.example.com#://localhost",
            "http://auth.example.com\\@localhost",
            "http://192.0.2.1:8080",
            "null",
            "",
        ] {
            assert!(from_page(page), "{page}");
        }
        let mut followed = with("host", "one.localhost:8080");
        followed.insert(REFERER, HeaderValue::from_static("https://example.com/"));
        assert!(!is_from_elsewhere(&followed));
        for name in FORWARDING {
            let mut headers = with(name, "192.0.2.1");
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            assert!(is_from_elsewhere(&headers), "{name}");
        }
    }
}

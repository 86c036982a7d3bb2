//! The listener that metrics are told on.

use std::{
    future::{Future, pending},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use latchkey_service::use_cases::UseCases;
use prometheus::TEXT_FORMAT;
use tokio::net::TcpListener;
use tracing::{error, info};

use super::Metrics;
use crate::lifecycle::{self, ConnectionLimits, Services};

/// How long who asks may take for it, and to read what is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection is kept: longer than the pause between two times that Prometheus asks.
const IDLE: Duration = Duration::from_mins(2);

/// How many may ask at once.
const MOST: u32 = 16;

/// Metrics, and the listener they are told on.
pub struct Scraping {
    /// Takes connections, apart from those of clients.
    pub listener: TcpListener,
    /// What is told.
    pub metrics: Arc<Metrics>,
}

impl Scraping {
    /// Metrics that are told at this address.
    ///
    /// # Errors
    /// When the system does not let it be listened at.
    pub async fn at(address: SocketAddr, metrics: Arc<Metrics>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, metrics })
    }

    /// Tells them as long as it is polled: also to whoever asks while the service drains.
    pub(crate) fn serve(self, use_cases: Arc<UseCases>) -> impl Future<Output = ()> {
        let Self { listener, metrics } = self;
        let address = listener.local_addr().ok();
        info!(
            address = address.map(tracing::field::display),
            "metrics are told"
        );
        let app = Router::new()
            .route("/metrics", get(tell))
            .with_state(Scraped { metrics, use_cases });
        let services = Services {
            app,
            full: Router::new().fallback(StatusCode::SERVICE_UNAVAILABLE),
            hostless: Router::new().fallback(StatusCode::BAD_REQUEST),
            metrics: None,
        };
        let limits = ConnectionLimits {
            maximum: MOST,
            maximum_per_address: MOST,
            trusted_proxies: Vec::new(),
            patience: PATIENCE,
            idle: IDLE,
            linger: Duration::ZERO,
            drain: Duration::ZERO,
            other_files: 0,
        };
        lifecycle::serve(listener, services, limits.into(), pending())
    }
}

#[derive(Clone)]
struct Scraped {
    metrics: Arc<Metrics>,
    use_cases: Arc<UseCases>,
}

async fn tell(State(scraped): State<Scraped>) -> Response {
    match scraped.metrics.text(&scraped.use_cases).await {
        Ok(text) => (
            [(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, "no-store")],
            text,
        )
            .into_response(),
        Err(error) => {
            error!(%error, "metrics cannot be told");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

//! Serving: the API with its pages on a listener, and the work beside it.

use std::{future::Future, io, sync::Arc, time::Duration};

use latchkey_http::HttpSettings;
use latchkey_service::{ports::store::StoreError, use_cases::UseCases};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tracing::warn;

use crate::{
    config::Settings,
    lifecycle::{self, ConnectionLimits},
};

/// How long a client may take to send the head of a request, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what is under way may take when the service stops: longer than sending a batch of messages.
const FINISHING: Duration = Duration::from_secs(100);

/// Where and how to serve.
pub struct Serving {
    /// Takes connections.
    pub listener: TcpListener,
    /// How requests are taken.
    pub http: HttpSettings,
    /// How connections are.
    pub limits: ConnectionLimits,
}

impl Serving {
    /// Serves at `listener` as configured.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn new(listener: TcpListener, settings: &Settings) -> io::Result<Self> {
        let public_url = settings.http.public_url(listener.local_addr()?);
        Ok(Self {
            listener,
            http: HttpSettings {
                trusted_proxies: settings.http.trusted_proxies.clone(),
                public_url,
            },
            limits: ConnectionLimits {
                maximum: settings.http.maximum_connections,
                patience: PATIENCE,
                drain: settings.http.drain,
            },
        })
    }
}

/// Serves these use cases, with the pages if they have them, and does their work until `stop` completes;
/// then drains. Whatever adapters the use cases were made from: this is the whole service.
///
/// # Errors
/// [`StoreError`] when the directory cannot be read at the beginning.
pub async fn serve(
    use_cases: UseCases,
    serving: Serving,
    stop: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    let use_cases = Arc::new(use_cases);
    for warning in use_cases.directory.snapshot().await?.crowded_rp_ids() {
        warn!("{warning}");
    }
    let pages = if use_cases.settings.has_pages {
        latchkey_web::pages(Arc::clone(&use_cases.directory))
    } else {
        axum::Router::new()
    };
    let app = latchkey_http::router_with_pages(Arc::clone(&use_cases), serving.http, pages);
    let (stop_working, working_stops) = oneshot::channel::<()>();
    let work = tokio::spawn(async move {
        let stop = async {
            // The sender is dropped, never used.
            let _dropped = working_stops.await;
        };
        use_cases.work(stop).await;
    });
    lifecycle::serve(serving.listener, app, serving.limits, stop).await;
    // Whoever was cut off is not answered, and so need not be mailed a code.
    drop(stop_working);
    if timeout(FINISHING, work).await.is_err() {
        warn!("codes were still to be mailed, or messages being sent");
    }
    Ok(())
}

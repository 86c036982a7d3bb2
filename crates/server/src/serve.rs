//! Serving: the API with its pages on a listener, and the work beside it.

use std::{
    future::{Future, pending},
    io,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use latchkey_http::{Beside, HttpSettings};
use latchkey_service::{
    housekeeping::Parted, live::Live, ports::store::StoreError, use_cases::UseCases,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinError, time::timeout};
use tracing::{info, warn};

use crate::{
    config::Settings,
    lifecycle::{self, ConnectionLimits, Services},
    metrics::Scraping,
    reload::{Parts, Reload},
};

/// How long a client may take to send the head of a request, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next request: longer than proxies and clients keep theirs, so that
/// it is they who end it, and never under a request that is on its way.
const IDLE: Duration = Duration::from_secs(75);

/// How long a connection is kept after the signal to stop. Proxies use the one again that they used last, so what
/// was not used for so long is hardly used at the moment when it is ended.
const LINGER: Duration = Duration::from_millis(500);

/// The most files that one connection to the database has open: on SQLite the data, its log, and its index.
const FILES_OF_A_DATABASE_CONNECTION: u32 = 3;

/// The most files beside those of connections: the log, mail, and what the runtime has.
const OTHER_FILES: u32 = 64;

/// How long what is under way may take when the service stops: longer than mailing the codes that wait and
/// then the minute in which what is being sent is finished.
pub(crate) const FINISHING: Duration = Duration::from_secs(200);

/// Where and how to serve.
pub struct Serving {
    /// Takes connections.
    pub listener: TcpListener,
    /// How requests are taken.
    pub http: HttpSettings,
    /// How connections are.
    pub limits: ConnectionLimits,
    /// Routes of one's own, none at first, without a fallback. Their requests are named, bounded, logged and
    /// answered across origins like those of the API, and what they answer is left as it is; a path that
    /// Latchkey has is refused at the start, by a panic.
    pub routes: Router,
    /// How the configuration is read anew at SIGHUP; without it the signal is told in the log and changes
    /// nothing.
    pub reload: Option<Reload>,
    /// What is counted and measured, and where that is told; nothing at first. What they should know of use cases
    /// and database is said by [`Adapters::measure`](crate::wiring::Adapters::measure).
    pub metrics: Option<Scraping>,
}

/// Why serving ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener has no address, or the system does not let signals be caught.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The directory could not be read at the beginning.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work beside it ended unasked, by a panic: there is a defect, perhaps in an adapter.
    #[error("the work beside the service ended unasked")]
    Work(#[from] JoinError),
    /// The database is not the one of this process any more.
    #[error(transparent)]
    Parted(#[from] Parted),
    /// The work beside it ended unasked, and does not say why.
    #[error("the work beside the service ended unasked, without a reason")]
    WorkEnded,
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
                trusted_proxies: settings.http.trusted_proxies.clone().into(),
                public_url,
                this_machine_alone: false,
            },
            limits: ConnectionLimits {
                maximum: settings.http.maximum_connections,
                maximum_per_address: settings.http.maximum_connections_per_address,
                trusted_proxies: settings.http.trusted_proxies.clone(),
                patience: PATIENCE,
                idle: IDLE,
                linger: LINGER,
                drain: settings.http.drain,
                other_files: settings.database.maximum_connections * FILES_OF_A_DATABASE_CONNECTION
                    + OTHER_FILES,
            },
            routes: Router::new(),
            reload: None,
            metrics: None,
        })
    }
}

/// Serves these use cases, with the pages if they have them and with routes of one's own, and does their
/// work until `stop` completes; then drains. Whatever adapters the use cases were made from: this is the
/// whole service. The process may have as many files open afterwards as the system allows.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    use_cases: Arc<UseCases>,
    serving: Serving,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    for warning in use_cases.directory.snapshot().await?.crowded_rp_ids() {
        warn!("{warning}");
    }
    let metrics = serving.metrics.as_ref();
    let metrics = metrics.map(|scraping| Arc::clone(&scraping.metrics));
    let mut beside_full = Beside::default();
    if let Some(metrics) = &metrics {
        beside_full.meter = metrics.clone();
    }
    let mut beside = Beside {
        routes: latchkey_http::as_they_are(serving.routes),
        ..beside_full.clone()
    };
    if let Some(prefix) = &use_cases.settings.pages {
        let pages = latchkey_web::pages(latchkey_web::About {
            directory: Arc::clone(&use_cases.directory),
            public_url: serving.http.public_url.clone(),
            prefix: prefix.clone(),
            description: latchkey_http::openapi_document_of(&serving.http.public_url),
        });
        beside.routes = pages.merge(beside.routes);
        beside_full.routes = latchkey_web::everywhere(prefix);
        beside.refusal_page = Some(Arc::new(latchkey_web::refusal(prefix.clone())));
        beside_full.refusal_page.clone_from(&beside.refusal_page);
    }
    lifecycle::files::raise_limit(&serving.limits);
    let address = serving.listener.local_addr()?;
    info!(%address, public_url = serving.http.public_url, "listening");
    let limits = Live::new(serving.limits);
    let parts = Parts {
        throttle: Arc::clone(&use_cases.throttle),
        trouble: Arc::clone(&use_cases.outbox.trouble),
        trusted_proxies: serving.http.trusted_proxies.clone(),
        connections: limits.clone(),
    };
    let mut reload = serving.reload;
    let hang_ups = lifecycle::on_hang_ups(move || Reload::hear(reload.as_mut(), &parts))?;
    let services = Services {
        app: latchkey_http::router_with_pages(Arc::clone(&use_cases), serving.http, beside),
        full: latchkey_http::no_room(Arc::clone(&use_cases), beside_full.clone()),
        hostless: latchkey_http::no_host(Arc::clone(&use_cases), beside_full),
        metrics,
    };
    let asked = Arc::clone(&use_cases);
    let told = async {
        match serving.metrics {
            Some(scraping) => scraping.serve(asked).await,
            None => pending().await,
        }
    };
    let (stop_working, working_stops) = oneshot::channel::<()>();
    let mut work = tokio::spawn(async move {
        let stop = async {
            // The sender is dropped, never used.
            let _dropped = working_stops.await;
        };
        use_cases.work(stop).await
    });
    tokio::select! {
        () = lifecycle::serve(serving.listener, services, limits, stop) => {}
        () = hang_ups => {}
        () = told => {}
        // Half a service is none: whoever runs it must see that it has ended.
        ended = &mut work => {
            ended??;
            return Err(ServeError::WorkEnded);
        }
    }
    // Whoever was cut off is not answered, and so need not be mailed a code.
    drop(stop_working);
    let Ok(ended) = timeout(FINISHING, work).await else {
        warn!("codes were still to be mailed, or messages being sent");
        return Ok(());
    };
    Ok(ended??)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use latchkey_crypto::{clock::SystemClock, entropy::SystemEntropy, secrets::PUBLISHED_BEFORE};
    use latchkey_domain::time::Timestamp;
    use latchkey_service::ports::{clock::Clock as _, housekeeping_store::HousekeepingStore};
    use tempfile::TempDir;

    use super::*;
    use crate::{secrets, wiring::Adapters};

    struct Broken;

    #[async_trait]
    impl HousekeepingStore for Broken {
        async fn delete_expired(&self, _: Timestamp, _: u32) -> Result<u64, StoreError> {
            panic!("a defect of somebody's own store")
        }
    }

    fn in_folder() -> (TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        settings.secrets.path = folder.path().join("secrets.toml");
        (folder, settings)
    }

    async fn serve_unasked(use_cases: Arc<UseCases>, settings: &Settings) -> ServeError {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serving = Serving::new(listener, settings).unwrap();
        let served = serve(use_cases, serving, pending()).await;
        served.unwrap_err()
    }

    #[tokio::test]
    async fn work_that_ends_unasked_ends_the_service() {
        let (_folder, settings) = in_folder();
        let mut adapters = Adapters::open(&settings).await.unwrap();
        adapters.ports.stores.housekeeping = Arc::new(Broken);
        let use_cases = adapters.use_cases();

        let ended = serve_unasked(use_cases, &settings).await;
        assert!(matches!(ended, ServeError::Work(_)), "{ended}");
    }

    #[tokio::test]
    async fn a_process_that_was_not_stopped_ends_when_the_secrets_are_replaced() {
        let (_folder, settings) = in_folder();
        let old = Adapters::open(&settings).await.unwrap().use_cases();
        let now = SystemClock.now();
        // A signing key is rotated while processes run.
        secrets::change(&settings.secrets, &SystemEntropy, |secrets| {
            let published = secrets.with_next_key(&SystemEntropy, now)?;
            published.signing_with_next_key(now.plus(2 * PUBLISHED_BEFORE), PUBLISHED_BEFORE)
        })
        .unwrap();
        let rotated = Adapters::open(&settings).await.unwrap().use_cases();
        for use_cases in [&old, &rotated] {
            use_cases.housekeeping.run().await.unwrap();
        }
        secrets::change(&settings.secrets, &SystemEntropy, |secrets| {
            secrets.replaced(&SystemEntropy, now)
        })
        .unwrap();
        let new = Adapters::open(&settings).await.unwrap().use_cases();
        new.housekeeping.run().await.unwrap();
        for use_cases in [old, rotated] {
            let ended = serve_unasked(use_cases, &settings).await;
            assert!(
                matches!(ended, ServeError::Parted(Parted::OtherSecrets)),
                "{ended}"
            );
            assert!(ended.to_string().contains("replaced"), "{ended}");
        }
    }

    /// As by `rm` and `latchkey restore` while it runs.
    #[tokio::test]
    async fn a_process_whose_database_file_is_gone_ends_with_the_reason() {
        let (folder, settings) = in_folder();
        let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
        std::fs::remove_file(folder.path().join("latchkey.db")).unwrap();

        let ended = serve_unasked(use_cases, &settings).await;
        assert!(
            matches!(ended, ServeError::Parted(Parted::Replaced)),
            "{ended}"
        );
    }
}

//! `latchkey serve`.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use latchkey_service::use_cases::UseCases;
use latchkey_storage::connect;
use tokio::{net::TcpListener, time::timeout};
use tracing::{info, warn};

use super::{Failure, output};
use crate::{
    config::Settings,
    demo,
    lifecycle::{on_hang_ups, stop_signal},
    location::Atlas,
    metrics::{Metrics, Scraping},
    reload::Reload,
    secrets,
    serve::{self, Serving},
    supervisor,
    wiring::Adapters,
};

/// How long closing the database may take.
pub(super) const CLOSING: Duration = Duration::from_secs(5);

/// Serves until the first signal to stop and then drains; a second signal ends it at once.
pub(super) async fn serve(
    settings: &Settings,
    reload: Reload,
    adapters: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<(), Failure> {
    let (stop, at_once) = (stop_signal(1)?, stop_signal(2)?);
    // Before it serves, SIGHUP ends nothing either: what it asks for was just done.
    drop(on_hang_ups(|| {})?);
    let mut stop = std::pin::pin!(stop);
    let (adapters, use_cases, mut serving) = tokio::select! {
        ready = Box::pin(start(settings, adapters)) => ready?,
        () = &mut stop => return Ok(()),
    };
    serving.reload = Some(reload.with_adapters(&adapters));
    // Whoever connects from here on is answered, as the listener is there.
    supervisor::ready();
    let _alive = tokio::spawn(supervisor::keep_alive());
    let stop = async {
        stop.await;
        supervisor::stopping();
    };
    let served = tokio::select! {
        served = serve::serve(use_cases, serving, stop) => served,
        () = at_once => {
            warn!("stopped without draining");
            Ok(())
        }
    };
    // Whoever was cut off may still hold a connection; the database copes with that.
    match timeout(CLOSING, adapters.close()).await {
        Ok(closed) => closed?,
        Err(_elapsed) => warn!("the database was still in use"),
    }
    Ok(served?)
}

/// That an address cannot be listened at, and what to do.
fn cannot_listen(key: &str, wanted: SocketAddr, error: &io::Error) -> String {
    format!("{key}: cannot listen at {wanted}: {error}{}", advice(error))
}

/// What to do about an address where nobody can listen.
fn advice(error: &io::Error) -> &'static str {
    let kinds = [
        (
            io::ErrorKind::AddrInUse,
            "; another process listens there: stop that one, or choose another port",
        ),
        (
            io::ErrorKind::AddrNotAvailable,
            "; this machine has no such address: 0.0.0.0 and [::] mean all it has",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "; ports below 1024 are for root: choose another one, and let a proxy listen there",
        ),
    ];
    let found = kinds.into_iter().find(|(kind, _)| *kind == error.kind());
    found.map_or("", |(_, advice)| advice)
}

async fn start(
    settings: &Settings,
    adapters: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<(Adapters, Arc<UseCases>, Serving), Failure> {
    // A fault of the configuration, which is told before anything is opened.
    let atlas = Atlas::read(&settings.location)?;
    let mut adapters = adapters.await?;
    adapters.locate(atlas);
    if adapters.has_database() {
        // Relative paths depend on the folder that the process was started in.
        let database = connect::target(&settings.database.url)?;
        let secrets = secrets::place(&settings.secrets);
        info!(database, secrets, "opened");
    }
    let scraping = scraping(settings).await?;
    if let Some(Scraping { metrics, .. }) = &scraping {
        adapters.measure(metrics);
    }
    let use_cases = adapters.use_cases();
    let wanted = settings.http.listen;
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| cannot_listen("http.listen", wanted, &error))?;
    let address = listener.local_addr()?;
    let public_url = settings.http.public_url(address);
    let this_machine_alone = settings.demo.enabled.is_none() && settings.wants_demo();
    if adapters.want_demo(settings) {
        let pages = settings.web.pages();
        let location = demo::Location {
            port: address.port(),
            url: &public_url,
            pages: pages.as_ref(),
            this_machine_alone,
        };
        let prepared = demo::prepare(&use_cases.administration, &location).await?;
        if let Some(instructions) = prepared {
            // Nobody who reads it is no reason not to serve.
            let _unread = output::print(instructions.to_string().as_bytes());
        }
    }
    let mut serving = Serving::new(listener, settings)?;
    serving.metrics = scraping;
    let population = use_cases.administration.population().await?;
    let snapshot = use_cases.directory.snapshot().await?;
    serving.http.this_machine_alone =
        this_machine_alone && !population.has_registered && demo::is_there(&snapshot);
    if snapshot.applications().is_empty() {
        info!(
            "there is no active application, so nobody can sign in yet: `latchkey bootstrap` makes an organization with \
             its first one"
        );
    }
    for weakness in settings.weaknesses(population.has_several_users) {
        warn!("{weakness}");
    }
    Ok((adapters, use_cases, serving))
}

/// Metrics, where they are to be told.
async fn scraping(settings: &Settings) -> Result<Option<Scraping>, Failure> {
    let Some(wanted) = settings.metrics.listen else {
        return Ok(None);
    };
    let scraping = Scraping::at(wanted, Metrics::new()?)
        .await
        .map_err(|error| cannot_listen("metrics.listen", wanted, &error))?;
    Ok(Some(scraping))
}

//! `latchkey serve`.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use latchkey_service::use_cases::UseCases;
use tokio::{net::TcpListener, time::timeout};
use tracing::warn;

use super::Failure;
use crate::{
    config::Settings,
    demo,
    lifecycle::stop_signal,
    serve::{self, Serving},
    wiring::Adapters,
};

/// How long closing the database may take.
const CLOSING: Duration = Duration::from_secs(5);

/// Serves until the first signal to stop and then drains; a second signal ends it at once.
pub(super) async fn serve(
    settings: &Settings,
    adapters: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<(), Failure> {
    let (stop, at_once) = (stop_signal(1)?, stop_signal(2)?);
    let mut stop = std::pin::pin!(stop);
    let (adapters, use_cases, serving) = tokio::select! {
        ready = Box::pin(start(settings, adapters)) => ready?,
        () = &mut stop => return Ok(()),
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

async fn start(
    settings: &Settings,
    adapters: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<(Adapters, Arc<UseCases>, Serving), Failure> {
    let adapters = adapters.await?;
    let use_cases = adapters.use_cases();
    let wanted = settings.http.listen;
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| format!("http.listen: cannot listen at {wanted}: {error}"))?;
    let address = listener.local_addr()?;
    let public_url = settings.http.public_url(address);
    if adapters.want_demo(settings) {
        let location = demo::Location {
            port: address.port(),
            url: &public_url,
            has_pages: settings.web.enabled,
        };
        let (administration, directory) = (&use_cases.administration, &use_cases.directory);
        if let Some(instructions) = demo::prepare(administration, directory, &location).await? {
            // Nobody who reads it is no reason not to serve.
            let _unread = write!(io::stdout(), "{instructions}");
        }
    }
    let mut serving = Serving::new(listener, settings)?;
    let population = use_cases.administration.population().await?;
    let snapshot = use_cases.directory.snapshot().await?;
    serving.http.this_machine_alone = settings.demo.enabled.is_none()
        && settings.wants_demo()
        && !population.has_registered
        && demo::is_there(&snapshot);
    for weakness in settings.weaknesses(population.has_several_users) {
        warn!("{weakness}");
    }
    Ok((adapters, use_cases, serving))
}

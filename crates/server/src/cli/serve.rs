//! `latchkey serve`.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use latchkey_http::HttpSettings;
use latchkey_service::{
    housekeeping::Housekeeping, mailed_codes::MailedCodeWorker, outbox::Outbox,
};
use latchkey_storage::store::SqlStore;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{debug, info, warn};

use super::Failure;
use crate::{
    config::Settings,
    demo,
    lifecycle::{self, ConnectionLimits, stop_signal},
    wiring::Adapters,
};

/// How long a client may take to send the head of a request, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long closing the database may take.
const CLOSING: Duration = Duration::from_secs(5);

/// How long what is under way may take when the service stops: longer than sending a batch of messages.
const FINISHING: Duration = Duration::from_secs(100);

/// How often messages that are due are looked for: one read.
const OUTBOX_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a database that fails.
const OUTBOX_PAUSE: Duration = Duration::from_secs(10);

/// How often expired rows are looked for.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_mins(1);

/// Serves until the first signal to stop and then drains; a second signal ends it at once.
pub(super) async fn serve(settings: &Settings) -> Result<(), Failure> {
    let (stop, at_once) = (stop_signal(1)?, stop_signal(2)?);
    let mut stop = std::pin::pin!(stop);
    let ready = tokio::select! {
        ready = Box::pin(start(settings)) => ready?,
        () = &mut stop => return Ok(()),
    };
    let limits = ConnectionLimits {
        maximum: settings.http.maximum_connections,
        patience: PATIENCE,
        drain: settings.http.drain,
    };
    let (stop_sending, sending_stops) = oneshot::channel();
    let (stop_mailing, mailing_stops) = oneshot::channel::<()>();
    let mut mailed_codes = ready.mailed_code_worker;
    let mailing = tokio::spawn(async move {
        let stop = async {
            // The sender is dropped, never used.
            let _dropped = mailing_stops.await;
        };
        mailed_codes.run(stop).await;
    });
    let sending = tokio::spawn(send_messages(ready.outbox, sending_stops));
    tokio::select! {
        () = async {
            lifecycle::serve(ready.listener, ready.app, limits, stop).await;
            // Whoever was cut off is not answered, and so need not be mailed a code.
            drop(stop_mailing);
            finish(mailing, "codes were still to be mailed").await;
            drop(stop_sending);
            finish(sending, "messages were still being sent").await;
        } => {}
        () = keep_house(&ready.housekeeping) => {}
        () = at_once => warn!("stopped without draining"),
    }
    // Whoever was cut off may still hold a connection; the database copes with that.
    match timeout(CLOSING, ready.store.close()).await {
        Ok(closed) => Ok(closed?),
        Err(_elapsed) => {
            warn!("the database was still in use");
            Ok(())
        }
    }
}

/// Everything that serving needs.
struct Ready {
    listener: TcpListener,
    app: axum::Router,
    housekeeping: Housekeeping,
    mailed_code_worker: MailedCodeWorker,
    outbox: Outbox,
    store: SqlStore,
}

async fn start(settings: &Settings) -> Result<Ready, Failure> {
    let adapters = Adapters::open(settings).await?;
    let use_cases = adapters.use_cases();
    let wanted = settings.http.listen;
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| format!("http.listen: cannot listen at {wanted}: {error}"))?;
    let address = listener.local_addr()?;
    let public_url = settings.http.public_url(address);
    if settings.wants_demo() && use_cases.administration.is_empty().await? {
        let place = demo::Place {
            port: address.port(),
            url: &public_url,
            has_pages: settings.web.enabled,
        };
        if let Some(instructions) = demo::make(&use_cases.administration, &place).await? {
            write!(io::stdout(), "{instructions}")?;
        }
    }
    let directory = use_cases.services.directory.snapshot().await?;
    for warning in directory.crowded_rp_ids() {
        warn!("{warning}");
    }
    info!(%address, public_url, "listening");
    let pages = if settings.web.enabled {
        latchkey_web::pages(Arc::clone(&use_cases.services.directory))
    } else {
        axum::Router::new()
    };
    let app = latchkey_http::router_with_pages(
        use_cases.services,
        HttpSettings {
            trusted_proxies: settings.http.trusted_proxies.clone(),
            public_url,
            has_pages: settings.web.enabled,
        },
        pages,
    );
    Ok(Ready {
        listener,
        app,
        housekeeping: use_cases.housekeeping,
        mailed_code_worker: use_cases.mailed_code_worker,
        outbox: use_cases.outbox,
        store: adapters.store,
    })
}

/// Waits for a task that was told to end, but not for ever.
async fn finish(task: JoinHandle<()>, unfinished: &str) {
    if timeout(FINISHING, task).await.is_err() {
        warn!("{unfinished}");
    }
}

/// Sends what is due until it is told to stop; what is under way is finished then.
async fn send_messages(outbox: Outbox, mut stops: oneshot::Receiver<()>) {
    loop {
        let pause = match outbox.run().await {
            Ok(0) => OUTBOX_INTERVAL,
            // There may be more.
            Ok(_) => Duration::ZERO,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%error, cause, "messages could not be sent");
                OUTBOX_PAUSE
            }
        };
        // The sender is dropped, never used.
        if timeout(pause, &mut stops).await.is_ok() {
            return;
        }
    }
}

/// Never ends. A deletion that is under way when it is dropped ends in a task of the store's own.
async fn keep_house(housekeeping: &Housekeeping) {
    let mut interval = interval(HOUSEKEEPING_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match housekeeping.run().await {
            Ok(0) => debug!("nothing has expired"),
            Ok(deleted) => info!(deleted, "expired rows were deleted"),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%error, cause, "expired rows could not be deleted");
            }
        }
    }
}

//! Takes connections, serves them, and on a signal finishes what has begun and stops.
//!
//! `axum::serve` has no limits on connections or on the time a client takes, so the loop is ours.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    panic::resume_unwind,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router, body::Body, extract::ConnectInfo, http::StatusCode, response::IntoResponse as _,
};
use hyper::{
    HeaderMap, Request, Version,
    body::{Body as HyperBody, Frame, Incoming, SizeHint},
    header::{CONNECTION, HOST, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use latchkey_service::live::Live;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, info, warn};

use self::{
    patience::Patience,
    places::{Place, Places},
};
use crate::{
    metrics::{Metrics, OpenConnection},
    supervisor,
};

pub(crate) mod files;
mod patience;
mod places;

/// How connections are taken and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How many are served at once. Then the one that has waited longest for its client, who owes it a
    /// request or the body of one, or leaves an answer untouched, gives way to the next; while none waits,
    /// others are told at once that there is no room.
    pub maximum: u32,
    /// How many of them one address may have (IPv6: one /64), by the same rule; a wider network has more, and half
    /// of all at most.
    pub maximum_per_address: u32,
    /// Peers that may have all of them, since their clients come through them.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a client may take to send the head of a request that it has begun, and how long it may
    /// leave an answer untouched.
    pub patience: Duration,
    /// How long a connection is kept after an answer for the next request, while there is room.
    pub idle: Duration,
    /// How long a connection is kept after the signal to stop for one more request, which a proxy may have sent
    /// already.
    pub linger: Duration,
    /// How long requests may take to finish after the signal to stop.
    pub drain: Duration,
    /// How many files the process may have open beside connections: those to the database, for example.
    pub other_files: u32,
}

impl ConnectionLimits {
    /// Those for whoever finds no room, and is told so: by the same rule, so nobody keeps another from that
    /// by saying nothing.
    fn of_turned_away(&self) -> Self {
        Self {
            maximum: TURNED_AWAY,
            maximum_per_address: TURNED_AWAY_PER_ADDRESS,
            patience: TURNING_AWAY,
            idle: TURNING_AWAY,
            ..self.clone()
        }
    }
}

/// The most bytes of a request's head.
const MAXIMUM_HEAD: usize = 64 * 1024;

/// How long to wait when the system cannot accept connections, because it has no file descriptors left
/// for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many clients are told at once that there is no room.
const TURNED_AWAY: u32 = 64;

/// How many of them may come from one address (IPv6: one /64).
const TURNED_AWAY_PER_ADDRESS: u32 = 4;

/// How long it may take a client to be told so.
const TURNING_AWAY: Duration = Duration::from_secs(2);

/// What answers requests.
#[derive(Clone)]
pub struct Services {
    /// The service.
    pub app: Router,
    /// What answers whoever finds no room.
    pub full: Router,
    /// What answers whoever does not name the one host that is asked for.
    pub hostless: Router,
    /// What counts connections, if anything does.
    pub metrics: Option<Arc<Metrics>>,
}

/// Serves until `stop` completes; then takes no more connections, finishes the requests that have
/// begun or come at once on a connection that is there, and returns. Handlers find the peer's address as
/// `ConnectInfo<SocketAddr>`. Limits that change hold from then on.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    limits: Live<ConnectionLimits>,
    stop: impl Future<Output = ()>,
) {
    let stopping = watch::Sender::new(());
    let (under_way, mut ended) = mpsc::channel(1);
    tokio::select! {
        () = stop => {}
        () = accept_forever(&listener, &services, &limits, &stopping, &under_way) => {}
    }
    drop(listener);
    info!(connections = stopping.receiver_count(), "draining");
    stopping.send_replace(());
    let drain = limits.read().drain;
    drop(under_way);
    // It is held by every connection, and by what goes on without one; nothing is ever sent.
    if timeout(drain, ended.recv()).await.is_err() {
        warn!("requests were still running at the end of http.drain_seconds; they are cut off");
    }
    info!("stopped");
}

/// Never ends.
async fn accept_forever(
    listener: &TcpListener,
    services: &Services,
    limits: &Live<ConnectionLimits>,
    stopping: &watch::Sender<()>,
    under_way: &mpsc::Sender<Infallible>,
) {
    let turned_away = Places::of_turned_away(limits.clone());
    let places = Places::new(limits.clone());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete: waiting for more to send would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%peer, %error, "TCP_NODELAY cannot be set");
                }
                let metrics = services.metrics.as_ref();
                let found = if let Some(place) = places.take(peer.ip()) {
                    let counted = metrics.map(Metrics::open_connection);
                    Some((place, &services.app, true, counted))
                } else {
                    if let Some(metrics) = metrics {
                        metrics.refuse_connection();
                    }
                    turned_away
                        .take(peer.ip())
                        .map(|place| (place, &services.full, false, None))
                };
                if let Some((place, router, keep_alive, counted)) = found {
                    let connection = Connection {
                        stream,
                        peer,
                        keep_alive,
                        place,
                        under_way: under_way.clone(),
                        _counted: counted,
                    };
                    let (router, stopping) = (router.clone(), stopping.subscribe());
                    let hostless = services.hostless.clone();
                    tokio::spawn(async move {
                        if let Err(error) = connection.serve(router, hostless, stopping).await {
                            debug!(%peer, %error, "connection ended");
                        }
                    });
                }
            }
            Err(error) => {
                places.none_is_accepted(&error);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A client's connection.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// Whether its client may ask more than once.
    keep_alive: bool,
    place: Place,
    /// Held until it ends: the service waits for that when it stops.
    under_way: mpsc::Sender<Infallible>,
    _counted: Option<OpenConnection>,
}

impl Connection {
    /// Answers the client's requests. When the place is needed, the request that has begun is the last one; a
    /// connection without any request just ends. When the service stops, it is the same a little later, and every
    /// answer until then says that it is the last one: a proxy that has sent a request to a connection that it kept
    /// cannot know that nobody reads it any more, and must not send a POST again. One whose place was given away is
    /// cut as soon as it waits for its client.
    async fn serve(
        self,
        router: Router,
        hostless: Router,
        mut stopping: watch::Receiver<()>,
    ) -> hyper::Result<()> {
        let Self {
            stream,
            peer,
            keep_alive,
            place,
            under_way,
            _counted,
        } = self;
        let place = Arc::new(place);
        let linger = place.linger();
        let has_begun = AtomicBool::new(false);
        let is_stopping = &AtomicBool::new(false);
        let service = service_fn(|request: Request<Incoming>| {
            has_begun.store(true, Ordering::Relaxed);
            let (answering, owed) = place.pacer().begin(!request.body().is_end_stream());
            // Whoever takes a body takes it whole, and lets go of it then.
            let mut request = request.map(|body| Body::new(Holding { body, _held: owed }));
            request.extensions_mut().insert(ConnectInfo(peer));
            let router = if names_one_host(request.headers(), request.version()) {
                &router
            } else {
                &hostless
            };
            let changes = !request.method().is_safe();
            let answer = router.clone().oneshot(request);
            let answering = Arc::new(answering);
            let held = (
                Arc::clone(&answering),
                Arc::clone(&place),
                under_way.clone(),
            );
            async move {
                let answer = if changes {
                    // What it does is done, told and counted, whether or not anybody still waits for the
                    // answer. Until then its place is taken, and the service does not stop.
                    let whole = async move {
                        let answer = answer.await;
                        drop(held);
                        answer
                    };
                    let ended = tokio::spawn(whole).await;
                    ended.unwrap_or_else(|_ended| {
                        Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response())
                    })?
                } else {
                    answer.await?
                };
                answering.send();
                let mut answer = answer.map(|body| Holding {
                    body,
                    _held: answering,
                });
                if is_stopping.load(Ordering::Relaxed) {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let stream = Patience::new(stream, place.patience(), place.pacer().clone());
        let mut connection = pin!(
            http1::Builder::new()
                // The place has its own, which tells a head that has begun from none.
                .header_read_timeout(None)
                .keep_alive(keep_alive)
                .max_buf_size(MAXIMUM_HEAD)
                .serve_connection(TokioIo::new(stream), service)
        );
        tokio::select! {
            // What has arrived already is read before the connection is judged.
            biased;
            ended = &mut connection => return ended,
            () = place.is_lost() => return Ok(()),
            () = place.is_over() => {}
            _ = stopping.changed() => {
                is_stopping.store(true, Ordering::Relaxed);
                tokio::select! {
                    biased;
                    ended = &mut connection => return ended,
                    () = place.is_lost() => return Ok(()),
                    () = place.is_over() => {}
                    () = sleep(linger) => {}
                }
            }
        }
        if !has_begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection => ended,
            // What only reads goes with it.
            () = place.is_lost() => Ok(()),
        }
    }
}

/// Whether a request says once for which host it is, as HTTP/1.1 asks for (RFC 9112 §3.2): of several, what
/// stands in front of the service may have taken another one.
fn names_one_host(headers: &HeaderMap, version: Version) -> bool {
    match headers.get_all(HOST).iter().count() {
        0 => version < Version::HTTP_11,
        count => count == 1,
    }
}

/// A body that holds something until it is dropped.
struct Holding<B, H> {
    body: B,
    _held: H,
}

impl<B: HyperBody + Unpin, H: Unpin> HyperBody for Holding<B, H> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Completes when the process was told to stop that many times (SIGTERM, or SIGINT as by Ctrl-C); the
/// signals are counted from this call on.
///
/// # Errors
/// When the system does not let the signals be caught.
pub fn stop_signal(times: u32) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for _ in 0..times {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            debug!(name, "signal");
        }
    })
}

/// Calls `hear` at every SIGHUP from this call on, where it may read files for as long as that takes, and never
/// completes: a terminal that is closed does not end the service either.
///
/// # Errors
/// When the system does not let the signal be caught.
pub fn on_hang_ups(
    mut hear: impl FnMut() + Send + 'static,
) -> std::io::Result<impl Future<Output = ()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        while hang_up.recv().await.is_some() {
            let _reloading = supervisor::reloading();
            let heard = tokio::task::spawn_blocking(move || {
                hear();
                hear
            });
            hear = match heard.await {
                Ok(hear) => hear,
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The process ends.
                    Err(_cancelled) => break,
                },
            };
        }
        std::future::pending::<()>().await;
    })
}

#[cfg(test)]
mod tests;

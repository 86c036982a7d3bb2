//! Takes connections, serves them, and on a signal finishes what has begun and stops.
//!
//! `axum::serve` has no limits on connections or on the time a client takes, so the loop is ours.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
};
use hyper::{
    Response,
    body::{Body as HyperBody, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, info, warn};

use self::{
    patience::Patience,
    places::{Answering, Place, Places},
};

mod patience;
mod places;

/// How connections are taken and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How many are served at once. Then the one that has waited longest for a request gives way to the
    /// next; while none waits, others are told at once that there is no room.
    pub maximum: u32,
    /// How many of them one address may have (IPv6: one /64), by the same rule.
    pub maximum_per_address: u32,
    /// Peers that may have all of them, since their clients come through them.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a client may take to send the head of a request that it has begun, and how long it may
    /// leave an answer untouched.
    pub patience: Duration,
    /// How long a connection is kept after an answer for the next request, while there is room.
    pub idle: Duration,
    /// How long requests may take to finish after the signal to stop.
    pub drain: Duration,
}

/// The most bytes of a request's head.
const MAXIMUM_HEAD: usize = 64 * 1024;

/// How long to wait when the system cannot accept connections, because it has no file descriptors left
/// for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many clients are told at once that there is no room; further ones are hung up on.
const TURNED_AWAY: usize = 64;

/// How long it may take a client to be told so.
const TURNING_AWAY: Duration = Duration::from_secs(2);

/// What answers requests.
#[derive(Clone)]
pub struct Services {
    /// The service.
    pub app: Router,
    /// What answers whoever finds no room.
    pub full: Router,
}

/// Serves until `stop` completes; then takes no more connections, finishes the requests that have
/// begun, and returns. Handlers find the peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) {
    let drain = limits.drain;
    let stopping = watch::Sender::new(());
    tokio::select! {
        () = stop => {}
        () = accept_forever(&listener, &services, limits, &stopping) => {}
    }
    drop(listener);
    info!(connections = stopping.receiver_count(), "draining");
    stopping.send_replace(());
    // Every connection holds a receiver until it ends.
    if timeout(drain, stopping.closed()).await.is_err() {
        warn!("requests were still running at the end of http.drain_seconds; they are cut off");
    }
    info!("stopped");
}

/// Never ends.
async fn accept_forever(
    listener: &TcpListener,
    services: &Services,
    limits: ConnectionLimits,
    stopping: &watch::Sender<()>,
) {
    let patience = limits.patience;
    let places = Places::new(limits);
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete: waiting for more to send would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%peer, %error, "TCP_NODELAY cannot be set");
                }
                if let Some(place) = places.take(peer.ip()) {
                    let connection = Connection {
                        stream,
                        peer,
                        patience,
                        place,
                    };
                    let (app, stopping) = (services.app.clone(), stopping.subscribe());
                    tokio::spawn(async move {
                        if let Err(error) = connection.serve(app, stopping).await {
                            debug!(%peer, %error, "connection ended");
                        }
                    });
                } else if let Ok(turn) = Arc::clone(&turned_away).try_acquire_owned() {
                    let full = services.full.clone();
                    tokio::spawn(async move {
                        turn_away(stream, peer, full).await;
                        drop(turn);
                    });
                }
            }
            Err(error) => {
                warn!(%error, "no connection can be accepted");
                places.make_room();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request on a connection for which there is no place.
async fn turn_away(stream: TcpStream, peer: SocketAddr, full: Router) {
    let service = service_fn(move |request| answer(full.clone(), request, peer));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .keep_alive(false)
        .max_buf_size(MAXIMUM_HEAD)
        .serve_connection(
            TokioIo::new(Patience::new(stream, TURNING_AWAY, None)),
            service,
        );
    if timeout(TURNING_AWAY, connection).await.is_err() {
        debug!(%peer, "the client sent no request that could be answered");
    }
}

fn answer(
    router: Router,
    mut request: hyper::Request<Incoming>,
    peer: SocketAddr,
) -> impl Future<Output = Result<Response<Body>, Infallible>> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request)
}

/// A client's connection.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    patience: Duration,
    place: Place,
}

impl Connection {
    /// Answers the client's requests. When the service stops, or the place is needed, the request that has
    /// begun is the last one; a connection without any request just ends.
    async fn serve(self, app: Router, mut stopping: watch::Receiver<()>) -> hyper::Result<()> {
        let Self {
            stream,
            peer,
            patience,
            place,
        } = self;
        let pacer = place.pacer();
        let has_begun = AtomicBool::new(false);
        let service = service_fn(|request| {
            has_begun.store(true, Ordering::Relaxed);
            let answering = pacer.begin();
            let answer = answer(app.clone(), request, peer);
            async move {
                let answer = answer.await?;
                Ok::<_, Infallible>(answer.map(|body| Answer {
                    body,
                    _answering: answering,
                }))
            }
        });
        let stream = Patience::new(stream, patience, Some(place.pacer()));
        let mut connection = pin!(
            http1::Builder::new()
                // The place has its own, which tells a head that has begun from none.
                .header_read_timeout(None)
                .max_buf_size(MAXIMUM_HEAD)
                .serve_connection(TokioIo::new(stream), service)
        );
        tokio::select! {
            // What has arrived already is read before the connection is judged.
            biased;
            ended = &mut connection => return ended,
            _ = stopping.changed() => {}
            () = place.is_over() => {}
        }
        if has_begun.load(Ordering::Relaxed) {
            connection.as_mut().graceful_shutdown();
            connection.await
        } else {
            Ok(())
        }
    }
}

/// The body of an answer, which ends the answering of its request.
struct Answer {
    body: Body,
    _answering: Answering,
}

impl HyperBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
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

/// Tells every SIGHUP in the log, and never completes: a terminal that is closed, or somebody who expects
/// the configuration to be read again, does not end the service.
///
/// # Errors
/// When the system does not let the signal be caught.
pub fn ignore_hang_ups() -> std::io::Result<impl Future<Output = ()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        while hang_up.recv().await.is_some() {
            warn!("SIGHUP is ignored: the configuration is read at the start only");
        }
        std::future::pending::<()>().await;
    })
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
        task::JoinHandle,
    };

    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        maximum: 8,
        maximum_per_address: 8,
        trusted_proxies: Vec::new(),
        patience: Duration::from_secs(5),
        idle: Duration::from_mins(5),
        drain: Duration::from_secs(5),
    };

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        server: JoinHandle<()>,
    }

    async fn start(app: Router, limits: ConnectionLimits) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let full = Router::new().fallback(|| async { (StatusCode::SERVICE_UNAVAILABLE, "full") });
        let services = Services { app, full };
        let server = tokio::spawn(serve(listener, services, limits, async {
            stopped.await.unwrap();
        }));
        Running {
            address,
            stop,
            server,
        }
    }

    async fn request(address: SocketAddr, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// An application whose `/slow` says when it was entered and answers when it is let.
    fn slow_app() -> (Router, Arc<Semaphore>, Arc<Semaphore>) {
        let entered = Arc::new(Semaphore::new(0));
        let leave = Arc::new(Semaphore::new(0));
        let (entering, leaving) = (Arc::clone(&entered), Arc::clone(&leave));
        let slow = move || async move {
            entering.add_permits(1);
            leaving.acquire().await.unwrap().forget();
            "slowly done"
        };
        let app = Router::new()
            .route("/slow", get(slow))
            .route("/fast", get(|| async { "fast" }));
        (app, entered, leave)
    }

    #[tokio::test]
    async fn handlers_know_the_peer() {
        let app = Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        );
        let running = start(app, LIMITS).await;
        let stream = request(running.address, "/").await;
        let ours = stream.local_addr().unwrap().to_string();
        assert!(answer(stream).await.ends_with(&ours));
    }

    #[tokio::test]
    async fn a_request_that_has_begun_is_finished_and_no_other_is_taken() {
        let (app, entered, leave) = slow_app();
        let running = start(app, LIMITS).await;
        let stream = request(running.address, "/slow").await;
        entered.acquire().await.unwrap().forget();
        running.stop.send(()).unwrap();
        while TcpStream::connect(running.address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(!running.server.is_finished());
        leave.add_permits(1);
        assert!(answer(stream).await.ends_with("slowly done"));
        running.server.await.unwrap();
    }

    #[tokio::test]
    async fn connections_without_a_request_do_not_hold_the_end_up() {
        let running = start(Router::new(), LIMITS).await;
        let _silent = TcpStream::connect(running.address).await.unwrap();
        let mut kept = TcpStream::connect(running.address).await.unwrap();
        kept.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut beginning = [0; 12];
        kept.read_exact(&mut beginning).await.unwrap();
        assert_eq!(&beginning, b"HTTP/1.1 404");
        running.stop.send(()).unwrap();
        timeout(LIMITS.drain / 2, running.server)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn what_does_not_finish_is_cut_off() {
        let (app, entered, _leave) = slow_app();
        let limits = ConnectionLimits {
            drain: Duration::from_millis(30),
            ..LIMITS
        };
        let running = start(app, limits).await;
        let _stream = request(running.address, "/slow").await;
        entered.acquire().await.unwrap().forget();
        running.stop.send(()).unwrap();
        running.server.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_without_a_request_is_sent_away() {
        let limits = ConnectionLimits {
            patience: Duration::from_millis(30),
            ..LIMITS
        };
        let running = start(Router::new(), limits).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        answer(stream).await;
    }

    /// Asks on a connection that is kept, and reads the whole answer.
    async fn ask(stream: &mut TcpStream, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        hear(stream).await
    }

    /// The whole answer on a connection that is kept: none here has more than 1 KiB.
    async fn hear(stream: &mut TcpStream) -> String {
        let mut bytes = vec![0; 1024];
        let length = stream.read(&mut bytes).await.unwrap();
        bytes.truncate(length);
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_after_an_answer_for_longer_than_a_head_may_take() {
        let limits = ConnectionLimits {
            patience: Duration::from_secs(2),
            ..LIMITS
        };
        let (app, _entered, _leave) = slow_app();
        let running = start(app, limits).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        assert!(ask(&mut stream, "/fast").await.ends_with("fast"));
        sleep(Duration::from_secs(3)).await;
        assert!(ask(&mut stream, "/fast").await.ends_with("fast"));
        // A head that has begun is not waited for so long, on a connection that was kept neither.
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert_eq!(answer(stream).await, "");
    }

    #[tokio::test]
    async fn a_connection_without_a_further_request_is_ended() {
        let limits = ConnectionLimits {
            idle: Duration::from_millis(30),
            ..LIMITS
        };
        let (app, _entered, _leave) = slow_app();
        let running = start(app, limits).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        assert!(ask(&mut stream, "/fast").await.ends_with("fast"));
        assert_eq!(answer(stream).await, "");
    }

    #[tokio::test]
    async fn without_room_the_connection_that_waits_longest_gives_way() {
        let (app, _entered, _leave) = slow_app();
        let limits = ConnectionLimits {
            maximum: 2,
            ..LIMITS
        };
        let running = start(app, limits).await;
        let mut first = TcpStream::connect(running.address).await.unwrap();
        assert!(ask(&mut first, "/fast").await.ends_with("fast"));
        let mut second = TcpStream::connect(running.address).await.unwrap();
        assert!(ask(&mut second, "/fast").await.ends_with("fast"));
        assert!(ask(&mut first, "/fast").await.ends_with("fast"));
        let third = request(running.address, "/fast").await;
        assert!(answer(third).await.ends_with("fast"));
        assert_eq!(answer(second).await, "");
        assert!(ask(&mut first, "/fast").await.ends_with("fast"));
    }

    #[tokio::test]
    async fn while_all_are_answered_others_are_told_at_once_and_the_oldest_is_not_kept() {
        let (app, entered, leave) = slow_app();
        let limits = ConnectionLimits {
            maximum: 1,
            ..LIMITS
        };
        let running = start(app, limits).await;
        let mut first = TcpStream::connect(running.address).await.unwrap();
        first
            .write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        entered.acquire().await.unwrap().forget();
        let second = answer(request(running.address, "/fast").await).await;
        assert!(second.starts_with("HTTP/1.1 503"), "{second}");
        assert!(second.ends_with("full"), "{second}");
        leave.add_permits(1);
        // It is ended after its answer, since somebody asked for its place.
        let first = answer(first).await;
        assert!(first.ends_with("slowly done"), "{first}");
        let third = request(running.address, "/fast").await;
        assert!(answer(third).await.ends_with("fast"));
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_a_trusted_proxy_the_whole() {
        for (trusted, expected) in [("192.0.2.1/32", "full"), ("127.0.0.0/8", "fast")] {
            let (app, entered, leave) = slow_app();
            let limits = ConnectionLimits {
                maximum_per_address: 1,
                trusted_proxies: vec![trusted.parse().unwrap()],
                ..LIMITS
            };
            let running = start(app, limits).await;
            let first = request(running.address, "/slow").await;
            entered.acquire().await.unwrap().forget();
            let second = answer(request(running.address, "/fast").await).await;
            assert!(second.ends_with(expected), "{trusted}: {second}");
            leave.add_permits(1);
            assert!(answer(first).await.ends_with("slowly done"));
        }
    }
}

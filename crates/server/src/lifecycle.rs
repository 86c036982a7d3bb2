//! Takes connections, serves them, and on a signal finishes what has begun and stops.
//!
//! `axum::serve` has no limits on connections or on the time a client takes, so the loop is ours.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{
    Request,
    body::{Body as HyperBody, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, info, warn};

use self::{
    patience::Patience,
    places::{Place, Places},
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
    let turned_away = Places::of_turned_away(limits.of_turned_away());
    let places = Places::new(limits);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete: waiting for more to send would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%peer, %error, "TCP_NODELAY cannot be set");
                }
                let found = match places.take(peer.ip()) {
                    Some(place) => Some((place, &services.app, true)),
                    None => turned_away
                        .take(peer.ip())
                        .map(|place| (place, &services.full, false)),
                };
                if let Some((place, router, keep_alive)) = found {
                    let connection = Connection {
                        stream,
                        peer,
                        keep_alive,
                        place,
                    };
                    let (router, stopping) = (router.clone(), stopping.subscribe());
                    tokio::spawn(async move {
                        if let Err(error) = connection.serve(router, stopping).await {
                            debug!(%peer, %error, "connection ended");
                        }
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

/// A client's connection.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// Whether its client may ask more than once.
    keep_alive: bool,
    place: Place,
}

impl Connection {
    /// Answers the client's requests. When the service stops, or the place is needed, the request that has
    /// begun is the last one; a connection without any request just ends. One whose place was given away is
    /// cut as soon as it waits for its client.
    async fn serve(self, router: Router, mut stopping: watch::Receiver<()>) -> hyper::Result<()> {
        let Self {
            stream,
            peer,
            keep_alive,
            place,
        } = self;
        let has_begun = AtomicBool::new(false);
        let service = service_fn(|request: Request<Incoming>| {
            has_begun.store(true, Ordering::Relaxed);
            let (answering, owed) = place.pacer().begin(!request.body().is_end_stream());
            // Whoever takes a body takes it whole, and lets go of it then.
            let mut request = request.map(|body| Body::new(Holding { body, _held: owed }));
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().oneshot(request);
            async move {
                let answer = answer.await?;
                Ok::<_, Infallible>(answer.map(|body| Holding {
                    body,
                    _held: answering,
                }))
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
            _ = stopping.changed() => {}
        }
        if !has_begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection => ended,
            // The handler goes with it, which leaves no change half-done.
            () = place.is_lost() => Ok(()),
        }
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
    use std::sync::Arc;

    use axum::{
        body::Bytes,
        http::StatusCode,
        routing::{get, post},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Semaphore, oneshot},
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
        other_files: 0,
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

    /// An application that says when it waits for a body, and repeats it.
    fn echoing_app() -> (Router, Arc<Semaphore>) {
        let entered = Arc::new(Semaphore::new(0));
        let entering = Arc::clone(&entered);
        let echo = move |body: Body| async move {
            entering.add_permits(1);
            axum::body::to_bytes(body, usize::MAX).await.unwrap()
        };
        let app = Router::new()
            .route("/echo", post(echo))
            .route("/fast", get(|| async { "fast" }));
        (app, entered)
    }

    /// Begins a request whose body is not whole, and waits until the application waits for it.
    async fn owe(address: SocketAddr, entered: &Semaphore) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\n\r\nwho")
            .await
            .unwrap();
        entered.acquire().await.unwrap().forget();
        stream
    }

    #[tokio::test]
    async fn without_room_who_owes_a_body_gives_way_and_is_cut_at_once() {
        let (app, entered) = echoing_app();
        let limits = ConnectionLimits {
            maximum: 2,
            ..LIMITS
        };
        let running = start(app, limits).await;
        let first = owe(running.address, &entered).await;
        let mut second = owe(running.address, &entered).await;
        let third = request(running.address, "/fast").await;
        assert!(answer(third).await.ends_with("fast"));
        assert_eq!(answer(first).await, "");
        second.write_all(b"le").await.unwrap();
        second.write_all(b"!").await.unwrap();
        assert!(hear(&mut second).await.ends_with("whole!"));
    }

    #[tokio::test]
    async fn once_its_body_has_arrived_a_request_is_answered_whoever_comes() {
        let arrived = Arc::new(Semaphore::new(0));
        let leave = Arc::new(Semaphore::new(0));
        let (arriving, leaving) = (Arc::clone(&arrived), Arc::clone(&leave));
        let slow = move |body: Bytes| async move {
            arriving.add_permits(1);
            leaving.acquire().await.unwrap().forget();
            body
        };
        let limits = ConnectionLimits {
            maximum: 1,
            ..LIMITS
        };
        let running = start(Router::new().route("/", post(slow)), limits).await;
        let mut first = TcpStream::connect(running.address).await.unwrap();
        for part in [
            "POST / HTTP/1.1\r\nhost: localhost\r\n",
            "content-length: 5\r\n\r\nwh",
            "ole",
        ] {
            first.write_all(part.as_bytes()).await.unwrap();
        }
        arrived.acquire().await.unwrap().forget();
        let second = answer(request(running.address, "/").await).await;
        assert!(second.ends_with("full"), "{second}");
        leave.add_permits(1);
        assert!(answer(first).await.ends_with("whole"));
    }

    #[tokio::test]
    async fn without_room_who_leaves_answers_untouched_gives_way() {
        // More than the system keeps for a peer who does not read.
        let large = Bytes::from(vec![b'x'; 64 * 1024 * 1024]);
        let app = Router::new()
            .route("/large", get(move || async move { large }))
            .route("/fast", get(|| async { "fast" }));
        let limits = ConnectionLimits {
            maximum: 1,
            patience: Duration::from_hours(1),
            ..LIMITS
        };
        let running = start(app, limits).await;
        for asked in 1..=2 {
            let mut first = TcpStream::connect(running.address).await.unwrap();
            let heads = "GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(asked);
            first.write_all(heads.as_bytes()).await.unwrap();
            let mut beginning = [0; 12];
            first.read_exact(&mut beginning).await.unwrap();
            // Until the system takes no more of the answer, it is being sent.
            let second = async {
                while !answer(request(running.address, "/fast").await)
                    .await
                    .ends_with("fast")
                {}
            };
            timeout(Duration::from_mins(1), second).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_says_nothing_keeps_nobody_from_being_told_that_there_is_no_room() {
        let (app, entered, leave) = slow_app();
        let limits = ConnectionLimits {
            maximum: 1,
            ..LIMITS
        };
        let running = start(app, limits).await;
        let first = request(running.address, "/slow").await;
        entered.acquire().await.unwrap().forget();
        let mut silent = Vec::new();
        for _ in 0..=TURNED_AWAY {
            silent.push(TcpStream::connect(running.address).await.unwrap());
        }
        let second = answer(request(running.address, "/fast").await).await;
        assert!(second.starts_with("HTTP/1.1 503"), "{second}");
        assert!(second.contains("connection: close"), "{second}");
        assert!(second.ends_with("full"), "{second}");
        leave.add_permits(1);
        assert!(answer(first).await.ends_with("slowly done"));
    }
}

//! Takes connections, serves them, and on a signal finishes what has begun and stops.
//!
//! `axum::serve` has no limits on connections or on the time a client takes, so the loop is ours.

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, info, warn};

use self::patience::Patience;

mod patience;

/// How connections are taken and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How many are served at once; others wait to be accepted.
    pub maximum: u32,
    /// How long a client may take to send the head of a request, and how long it may leave an answer
    /// untouched.
    pub patience: Duration,
    /// How long requests may take to finish after the signal to stop.
    pub drain: Duration,
}

/// The most bytes of a request's head.
const MAXIMUM_HEAD: usize = 64 * 1024;

/// How long to wait when the system cannot accept connections, because it has no file descriptors left
/// for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` until `stop` completes; then takes no more connections, finishes the requests that have
/// begun, and returns. Handlers find the peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) {
    let stopping = watch::Sender::new(());
    tokio::select! {
        () = stop => {}
        () = accept_forever(&listener, &app, limits, &stopping) => {}
    }
    drop(listener);
    info!(connections = stopping.receiver_count(), "draining");
    stopping.send_replace(());
    // Every connection holds a receiver until it ends.
    if timeout(limits.drain, stopping.closed()).await.is_err() {
        warn!("requests were still running at the end of http.drain_seconds; they are cut off");
    }
    info!("stopped");
}

async fn accept_forever(
    listener: &TcpListener,
    app: &Router,
    limits: ConnectionLimits,
    stopping: &watch::Sender<()>,
) {
    let maximum = usize::try_from(limits.maximum).unwrap_or(Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(maximum));
    // The semaphore is never closed.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = Connection {
                    stream,
                    peer,
                    patience: limits.patience,
                };
                let (app, stopping) = (app.clone(), stopping.subscribe());
                tokio::spawn(async move {
                    if let Err(error) = connection.serve(app, stopping).await {
                        debug!(%peer, %error, "connection ended");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "no connection can be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A client's connection.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    patience: Duration,
}

impl Connection {
    /// Answers the client's requests. When the service stops, the request that has begun is the last
    /// one; a connection without any request just ends.
    async fn serve(self, app: Router, mut stopping: watch::Receiver<()>) -> hyper::Result<()> {
        let Self {
            stream,
            peer,
            patience,
        } = self;
        // Answers are small and complete: waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%peer, %error, "TCP_NODELAY cannot be set");
        }
        let has_begun = AtomicBool::new(false);
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            has_begun.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request)
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(patience)
                .max_buf_size(MAXIMUM_HEAD)
                .serve_connection(TokioIo::new(Patience::new(stream, patience)), service)
        );
        tokio::select! {
            // What has arrived already is read before the connection is judged.
            biased;
            ended = &mut connection => return ended,
            _ = stopping.changed() => {}
        }
        if has_begun.load(Ordering::Relaxed) {
            connection.as_mut().graceful_shutdown();
            connection.await
        } else {
            Ok(())
        }
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
        task::JoinHandle,
    };

    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        maximum: 8,
        patience: Duration::from_secs(5),
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
        let server = tokio::spawn(serve(listener, app, limits, async {
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

    #[tokio::test]
    async fn beyond_the_limit_connections_wait_for_a_place() {
        let (app, entered, leave) = slow_app();
        let limits = ConnectionLimits {
            maximum: 1,
            ..LIMITS
        };
        let running = start(app, limits).await;
        let first = request(running.address, "/slow").await;
        entered.acquire().await.unwrap().forget();
        let second = tokio::spawn(answer(request(running.address, "/fast").await));
        sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished());
        leave.add_permits(1);
        assert!(answer(first).await.ends_with("slowly done"));
        assert!(second.await.unwrap().ends_with("fast"));
    }
}

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
    linger: Duration::from_millis(50),
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
    let hostless = Router::new().fallback(|| async { (StatusCode::BAD_REQUEST, "hostless") });
    let services = Services {
        app,
        full,
        hostless,
        metrics: None,
    };
    let server = tokio::spawn(serve(listener, services, limits.into(), async {
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
async fn a_connection_that_is_kept_may_bring_one_more_request_after_the_signal_to_stop() {
    let limits = ConnectionLimits {
        linger: Duration::from_mins(5),
        drain: Duration::from_mins(5),
        ..LIMITS
    };
    let (app, _entered, _leave) = slow_app();
    let running = start(app, limits).await;
    let mut kept = TcpStream::connect(running.address).await.unwrap();
    let before = ask(&mut kept, "/fast").await;
    assert!(!before.contains("connection: close"), "{before}");
    running.stop.send(()).unwrap();
    while TcpStream::connect(running.address).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
    let last = ask(&mut kept, "/fast").await;
    assert!(last.contains("connection: close"), "{last}");
    assert!(last.ends_with("fast"), "{last}");
    assert_eq!(answer(kept).await, "");
    running.server.await.unwrap();
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

#[tokio::test]
async fn who_does_not_name_one_host_is_not_let_through() {
    let (app, _entered, _leave) = slow_app();
    let running = start(app, LIMITS).await;
    for (version, hosts, expected) in [
        ("1.1", "", "hostless"),
        ("1.1", "host: a\r\nhost: b\r\n", "hostless"),
        ("1.1", "host: a\r\nHost: a\r\n", "hostless"),
        ("1.0", "host: a\r\nhost: b\r\n", "hostless"),
        ("1.0", "", "fast"),
        ("1.1", "host: a\r\n", "fast"),
        ("1.1", "host:\r\n", "fast"),
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("GET /fast HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = answer(stream).await;
        assert!(said.ends_with(expected), "{head}{said}");
    }
}

/// Tells when it is dropped.
struct Told(Arc<Semaphore>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// What it does would otherwise be done without a word in the log. Nor does anybody have its place, since whoever asks
/// and hangs up, again and again, would have more work done at once than there are places; nor does the service stop.
#[tokio::test]
async fn what_changes_something_is_finished_in_its_place_although_its_client_hangs_up() {
    let semaphore = || Arc::new(Semaphore::new(0));
    let (entered, leave) = (semaphore(), semaphore());
    let (finished, dropped) = (semaphore(), semaphore());
    let handler = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        let (finished, dropped) = (Arc::clone(&finished), Arc::clone(&dropped));
        move || async move {
            let _told = Told(dropped);
            entered.add_permits(1);
            leave.acquire().await.unwrap().forget();
            finished.add_permits(1);
        }
    };
    let app = Router::new().route("/", get(handler.clone()).post(handler));
    let limits = ConnectionLimits {
        maximum: 2,
        drain: Duration::from_mins(5),
        ..LIMITS
    };
    let mut running = start(app, limits).await;
    for method in ["POST", "GET"] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("{method} / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        entered.acquire().await.unwrap().forget();
    }
    // The one that only reads was dropped with its client, which left later than the other.
    dropped.acquire().await.unwrap().forget();
    // It has its place, beside one that is busy.
    let busy = request(running.address, "/").await;
    entered.acquire().await.unwrap().forget();
    let further = answer(request(running.address, "/").await).await;
    assert!(further.ends_with("full"), "{further}");
    drop(busy);
    dropped.acquire().await.unwrap().forget();
    running.stop.send(()).unwrap();
    let soon = Duration::from_millis(100);
    assert!(timeout(soon, &mut running.server).await.is_err());
    leave.add_permits(1);
    finished.acquire().await.unwrap().forget();
    running.server.await.unwrap();
}

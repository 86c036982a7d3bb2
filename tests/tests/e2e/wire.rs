//! Requests that no client library would send: the server answers or hangs up, and goes on serving.

use std::time::{Duration, Instant};

use latchkey_e2e::{
    Outcome,
    client::Client,
    installation::{DatabaseKind, Installation},
    server::Server,
    wire::{Wire, answer, head},
};
use latchkey_testkit::proxy::Proxy;
use reqwest::Method;
use tokio::time::{sleep, timeout};

const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn server() -> Outcome<(Installation, Server)> {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    Ok((installation, server))
}

fn code(body: &serde_json::Value) -> &str {
    let code = body.pointer("/error/code");
    code.and_then(serde_json::Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() -> Outcome {
    let (_installation, server) = server().await?;
    let began = Instant::now();
    let mut silent = Wire::to(&server).await?;
    let mut slow = Wire::to(&server).await?;
    slow.send("POST /auth/login/init HTTP/1.1\r\nHost: latchkey")
        .await?;
    for mut wire in [silent, slow] {
        let said = wire.rest().await?;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
    }
    assert!(began.elapsed() > Duration::from_secs(5));
    silent = Wire::to(&server).await?;
    silent.send(head("GET", "/health/live", &[])).await?;
    assert_eq!(answer(&silent.rest().await?)?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_with_an_answer() -> Outcome {
    let (_installation, server) = server().await?;
    let mut wire = Wire::to(&server).await?;
    let fields = [JSON, ("Content-Length", "100")];
    wire.send(head("POST", "/auth/login/init", &fields)).await?;
    wire.send(r#"{"orgId":"#).await?;
    let (status, body) = answer(&wire.rest().await?)?;
    assert_eq!((status, code(&body).is_empty()), (408, false), "{body}");
    Ok(())
}

#[tokio::test]
async fn rubbish_is_refused_and_the_server_goes_on() -> Outcome {
    let (_installation, server) = server().await?;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(20_000));
    let cases: [&[u8]; 7] = [
        b"\x00\xff\xfe rubbish \x80\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for case in cases {
        let mut wire = Wire::to(&server).await?;
        // The server may hang up while the client still speaks.
        let _hung_up = wire.send(case).await;
        let _hung_up = wire.finish().await;
        let said = wire.rest().await?;
        let refused = said.is_empty() || said.starts_with("HTTP/1.1 4");
        assert!(refused, "{:?}: {said}", String::from_utf8_lossy(case));
    }
    Client::of(&server)?.get("/health/ready").await?.ok()?;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_an_answer_the_client_sees() -> Outcome {
    let (_installation, server) = server().await?;
    let size = 1024 * 1024;
    let length = size.to_string();
    let mut whole = Wire::to(&server).await?;
    let fields = [JSON, ("Content-Length", length.as_str())];
    whole
        .send(head("POST", "/auth/login/init", &fields))
        .await?;
    whole.send(vec![b' '; size]).await?;

    let mut chunked = Wire::to(&server).await?;
    let fields = [JSON, ("Transfer-Encoding", "chunked")];
    chunked
        .send(head("POST", "/auth/login/init", &fields))
        .await?;
    for _ in 0..64 {
        chunked
            .send(format!("2000\r\n{}\r\n", " ".repeat(0x2000)))
            .await?;
    }
    chunked.send("0\r\n\r\n").await?;

    for mut wire in [whole, chunked] {
        let (status, body) = answer(&wire.rest().await?)?;
        assert_eq!((status, code(&body).is_empty()), (413, false), "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_refused_before_it_comes() -> Outcome {
    let (_installation, server) = server().await?;
    let announced = ("Content-Length", "300000");
    for fields in [
        vec![JSON, announced],
        vec![JSON, announced, ("Expect", "100-continue")],
    ] {
        let mut wire = Wire::to(&server).await?;
        wire.send(head("POST", "/auth/login/init", &fields)).await?;
        let said = wire.next(Duration::from_secs(20)).await?;
        let said = said.unwrap_or_default();
        assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_request_names_one_host() -> Outcome {
    let (_installation, server) = server().await?;
    let two = "Host: a.example\r\nHost: b.example\r\n";
    for (version, hosts, expected) in [("1.1", "", 400), ("1.1", two, 400), ("1.0", "", 200)] {
        let mut wire = Wire::to(&server).await?;
        let request =
            format!("GET /health/live HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        wire.send(request).await?;
        let (status, body) = answer(&wire.rest().await?)?;
        assert_eq!(status, expected, "{version} {hosts}: {body}");
        if status == 400 {
            assert_eq!(code(&body), "invalid_host", "{body}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn errors_of_the_frame_have_the_error_body_too() -> Outcome {
    let (_installation, server) = server().await?;
    let client = Client::of(&server)?;
    client.get("/nothing/here").await?.refused(404)?;
    client.get("/auth/login/init").await?.refused(405)?;
    let mut wire = Wire::to(&server).await?;
    let fields = [("Content-Type", "text/plain"), ("Content-Length", "2")];
    wire.send(head("POST", "/auth/login/init", &fields)).await?;
    wire.send("{}").await?;
    let (status, body) = answer(&wire.rest().await?)?;
    assert_eq!((status, code(&body).is_empty()), (415, false), "{body}");
    Ok(())
}

#[tokio::test]
async fn a_browser_lets_pages_of_registered_origins_call_and_no_others() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let server = installation.start().await?;
    let path = "/auth/credentials/code/verify";
    for (origin, allowed) in [
        ("https://one.example", true),
        ("https://two.example", true),
        ("https://three.example", false),
    ] {
        let answer = reqwest::Client::new()
            .request(Method::OPTIONS, format!("{}{path}", server.url()?))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,x-dfns-sdk-version,x-dfns-useraction",
            )
            .send()
            .await?;
        let named = answer.headers().get("access-control-allow-origin");
        assert_eq!(named.is_some_and(|named| *named == origin), allowed);
        if allowed {
            let fields = answer.headers()["access-control-allow-headers"].to_str()?;
            let fields = fields.to_lowercase();
            assert!(fields.contains("x-dfns-useraction"), "{fields}");
            assert!(fields.contains("x-dfns-sdk-version"), "{fields}");
        }
    }
    Ok(())
}

/// An installation whose database can freeze, so that requests are being answered for as long as a test
/// likes.
async fn freezing(
    connections: &str,
    of_one_address: &str,
) -> Outcome<(Installation, Proxy, Server)> {
    let installation = Installation::empty(DatabaseKind::Postgres)?;
    let (proxy, url) =
        Proxy::before(&installation.environment()["LATCHKEY__DATABASE__URL"]).await?;
    let installation = installation
        .with("DATABASE__URL", &url)
        .with("DATABASE__DEADLINE_SECONDS", "60")
        .with("HTTP__MAXIMUM_CONNECTIONS", connections)
        .with("HTTP__MAXIMUM_CONNECTIONS_PER_ADDRESS", of_one_address);
    let server = installation.start().await?;
    Ok((installation, proxy, server))
}

/// Sends requests that the database does not let be answered, until there is no room for another.
async fn fill(server: &Server) -> Outcome<Vec<Wire>> {
    let mut wires = Vec::new();
    // An answer of before is good for a second.
    sleep(Duration::from_millis(1_100)).await;
    loop {
        let mut wire = Wire::to(server).await?;
        wire.send(head("GET", "/health/ready", &[])).await?;
        wires.push(wire);
        // Until its head has been read, it gives way.
        if ask_anew(server).await?.0 == 503 {
            return Ok(wires);
        }
    }
}

/// Begins a request whose body does not come, and waits until the server waits for that.
async fn owing(server: &Server, framing: (&str, &str)) -> Outcome<Wire> {
    let mut wire = Wire::to(server).await?;
    let fields = [JSON, framing, ("Expect", "100-continue")];
    wire.send(head("POST", "/auth/login/init", &fields)).await?;
    let said = wire.next(Duration::from_secs(20)).await?;
    assert!(
        said.as_ref()
            .is_some_and(|said| said.starts_with("HTTP/1.1 100")),
        "{said:?}"
    );
    Ok(wire)
}

/// The answer to a request on a connection of its own, which no database is asked for: status, code and
/// head.
async fn ask_anew(server: &Server) -> Outcome<(u16, String, String)> {
    ask_anew_for(server, "/.well-known/jwks.json").await
}

async fn ask_anew_for(server: &Server, path: &str) -> Outcome<(u16, String, String)> {
    let mut wire = Wire::to(server).await?;
    wire.send(head("GET", path, &[])).await?;
    let text = wire.rest().await?;
    let (status, body) = answer(&text)?;
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    Ok((status, code(&body).to_owned(), head.to_lowercase()))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_others_are_told_so_at_once_and_idle_connections_give_way() -> Outcome {
    for (limit, connections) in [("the whole", "2"), ("its share", "1024")] {
        let (_installation, proxy, server) = freezing(connections, "2").await?;
        proxy.freeze();
        let busy = fill(&server).await?;
        let (status, code, head) = ask_anew(&server).await?;
        assert_eq!((status, code.as_str()), (503, "unavailable"), "{limit}");
        assert!(head.contains("retry-after: 1"), "{limit}: {head}");
        assert!(head.contains("x-request-id: "), "{limit}: {head}");
        // Whoever would end a process that does not live must not end this one.
        assert_eq!(
            ask_anew_for(&server, "/health/live").await?.0,
            200,
            "{limit}"
        );

        drop(busy);
        let room = async {
            while ask_anew(&server).await?.0 == 503 {
                sleep(Duration::from_millis(20)).await;
            }
            Outcome::Ok(())
        };
        timeout(Duration::from_mins(2), room).await??;
        let _idle = [Wire::to(&server).await?, Wire::to(&server).await?];
        assert_eq!(ask_anew(&server).await?.0, 200, "{limit}");
    }
    Ok(())
}

#[tokio::test]
async fn clients_who_owe_bodies_keep_nobody_out() -> Outcome {
    let installation =
        Installation::empty(DatabaseKind::Sqlite)?.with("HTTP__MAXIMUM_CONNECTIONS", "2");
    let server = installation.start().await?;
    let two = ("Content-Length", "2");
    let mut silent = owing(&server, two).await?;
    let mut large = owing(&server, ("Transfer-Encoding", "chunked")).await?;
    // It is too large by now, and the rest is read to be dropped.
    large.send("4b000\r\n").await?;
    large.send(vec![b' '; 300 * 1024]).await?;
    assert_eq!(ask_anew(&server).await?.0, 200);
    silent.rest().await?;
    let _further = owing(&server, two).await?;
    assert_eq!(ask_anew(&server).await?.0, 200);
    large.rest().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_has_its_whole_share_is_warned_of_and_a_trusted_proxy_has_none() -> Outcome {
    let whole_share = |event: &serde_json::Value| {
        event["level"] == "WARN"
            && event["network"] == "127.0.0.1/32"
            && event["message"]
                .as_str()
                .is_some_and(|text| text.contains("http.trusted_proxies"))
    };
    let (installation, proxy, server) = freezing("1024", "1").await?;
    proxy.freeze();
    let _busy = fill(&server).await?;
    assert_eq!(ask_anew(&server).await?.0, 503);
    server.event(whole_share).await?;
    drop(server);

    proxy.thaw();
    let installation = installation.with("HTTP__TRUSTED_PROXIES", "127.0.0.1");
    let server = installation.start().await?;
    let mut first = owing(&server, ("Content-Length", "2")).await?;
    assert_eq!(ask_anew(&server).await?.0, 200);
    first.send("{}").await?;
    assert!(first.rest().await?.starts_with("HTTP/1.1 4"));
    assert!(!server.events().iter().any(whole_share));
    Ok(())
}

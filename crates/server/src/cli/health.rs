//! `latchkey health`: whether the running service can serve requests, for health checks that have nothing else to
//! ask with.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use axum::body::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{
    Failure,
    answer::{answer, say},
};
use crate::{
    causes::chain,
    config::{database::Database, reach::Reach},
};

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Where the service listens, on this machine or another; without it, the configuration is asked.
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
}

/// The most bytes that are read of an answer; ours has fewer than a hundred.
const MAXIMUM_ANSWER: usize = 16 * 1024;

/// How much longer the answer may take than the one call of the database that it waits for.
pub(super) const MARGIN: Duration = Duration::from_secs(2);

/// Asks the service at an address, or the one of this configuration on this machine, and answers what it says. No
/// more of the configuration is needed than where that is: what is wrong with the rest is told, and the next start
/// fails by it, but not the service that runs.
pub(super) async fn perform(request: &Health, file: Option<&Path>) -> Result<(), Failure> {
    let (address, deadline) = if let Some(address) = request.address {
        (address, Database::default().deadline)
    } else {
        let reach = Reach::of_process(file)?;
        if !reach.faults.is_empty() {
            say(
                "the service could not be started anew with this configuration, and may listen elsewhere; \
                 `latchkey config check` says what is wrong",
            );
        }
        (reachable(reach.listen)?, reach.deadline)
    };
    answer(&health_of(address, deadline + MARGIN).await?)
}

/// Where this machine reaches what listens there.
fn reachable(mut listen: SocketAddr) -> Result<SocketAddr, Failure> {
    if listen.port() == 0 {
        return Err(
            "http.listen leaves the port to the system, so it is not known here: give it one, or ask \
             /health/ready at the address in the log"
                .into(),
        );
    }
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok(listen)
}

/// What the service there says of its health; an error when it says none, or that it is not ready.
async fn health_of(address: SocketAddr, patience: Duration) -> Result<Value, Failure> {
    let (status, body) = match timeout(patience, ask(address)).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => {
            return Err(format!(
                "the service cannot be asked at {address}: {}",
                chain(error.as_ref())
            )
            .into());
        }
        Err(_elapsed) => {
            return Err(format!("the service at {address} did not answer in {patience:?}").into());
        }
    };
    if status != StatusCode::OK {
        let refusal = format!("the service at {address} is not ready ({status}); its log says why");
        return Err(refusal.into());
    }
    serde_json::from_slice::<Value>(&body)
        .ok()
        .filter(|health| health.get("status").is_some_and(|status| status == "ok"))
        .ok_or_else(|| {
            format!("what answers at {address} is not Latchkey: look at http.listen").into()
        })
}

async fn ask(address: SocketAddr) -> Result<(StatusCode, Bytes), Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the process at the latest; what is wrong with it the request says too.
    let _connection = tokio::spawn(connection);
    let request = Request::get("/health/ready")
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let answer = client.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAXIMUM_ANSWER);
    Ok((status, body.collect().await?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    async fn answering(status: StatusCode, body: Value) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = move || async move { (status, Json(body)) };
        let router = Router::new().route("/health/ready", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let address = reachable(listen.parse().unwrap()).unwrap();
            assert_eq!(address.to_string(), asked);
        }
        let unknown = reachable("127.0.0.1:0".parse().unwrap()).unwrap_err();
        assert!(unknown.to_string().contains("http.listen"), "{unknown}");
    }

    #[tokio::test]
    async fn what_is_ready_says_so_and_what_is_degraded_is_ready() {
        for health in [
            json!({ "status": "ok" }),
            json!({ "status": "ok", "degraded": ["mail"] }),
        ] {
            let address = answering(StatusCode::OK, health.clone()).await;
            assert_eq!(health_of(address, LONG).await.unwrap(), health);
        }
    }

    #[tokio::test]
    async fn what_is_not_ready_and_what_is_somebody_else_are_errors() {
        for (status, body, says) in [
            (
                StatusCode::SERVICE_UNAVAILABLE,
                json!({}),
                "is not ready (503",
            ),
            (
                StatusCode::NOT_FOUND,
                json!({ "status": "ok" }),
                "is not ready (404",
            ),
            (
                StatusCode::OK,
                json!({ "status": "green" }),
                "is not Latchkey",
            ),
            (
                StatusCode::OK,
                json!("x".repeat(MAXIMUM_ANSWER)),
                "cannot be asked",
            ),
        ] {
            let address = answering(status, body).await;
            let error = health_of(address, LONG).await.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert!(error.contains(&address.to_string()), "{error}");
        }
    }

    #[tokio::test]
    async fn who_does_not_answer_and_who_is_not_there_are_errors() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let error = health_of(address, Duration::from_millis(50)).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("did not answer in 50ms"), "{error}");
        drop(silent);
        let error = health_of(address, LONG).await.unwrap_err().to_string();
        assert!(error.contains("cannot be asked"), "{error}");
    }
}

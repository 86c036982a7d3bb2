//! A client that meets the service as a browser does: by name, over TLS that must be valid, without redirects.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{HeaderMap, Method, Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider, pki_types::ServerName,
    },
};
use url::{Host, Url};

/// How long a browser's user would wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of an answer that are read.
const MAXIMUM: usize = 256 * 1024;

/// Where names below `localhost` lead to.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

pub(super) struct Client(TlsConnector);

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A connection, secure or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Client {
    /// A client that trusts whom the system trusts.
    pub(super) fn new() -> Result<Self, String> {
        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Asks, and says why there is no answer otherwise.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        fields: &[(&'static str, &str)],
    ) -> Result<Answer, String> {
        match timeout(PATIENCE, Box::pin(self.converse(method, url, fields))).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn converse(
        &self,
        method: Method,
        url: &Url,
        fields: &[(&'static str, &str)],
    ) -> Result<Answer, String> {
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url.path())
            .header(HOST, host);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let stream = TokioIo::new(self.connect(url).await?);
        let (mut sender, connection) = http1::handshake(stream)
            .await
            .map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let answered = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAXIMUM).collect().await;
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.map_err(|error| error.to_string())?.to_bytes(),
            })
        };
        let answered = answered.await;
        connection.abort();
        answered
    }

    async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, String> {
        let name = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err("the address names no host".to_owned()),
        };
        let port = url.port_or_known_default().unwrap_or(443);
        let stream = if is_loopback(&name) {
            let addresses = LOOPBACK.map(|address| SocketAddr::new(address, port));
            TcpStream::connect(addresses.as_slice()).await
        } else {
            TcpStream::connect((name.as_str(), port)).await
        };
        let stream = stream.map_err(|error| error.to_string())?;
        if url.scheme() != "https" {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
        let secure = self.0.connect(name, stream).await;
        // What TLS has to say: which certificate is not to be trusted, and why.
        Ok(Box::new(secure.map_err(|error| format!("TLS: {error}"))?))
    }
}

/// Whether a name leads to this machine whatever a name server says: browsers ask none for such a name (RFC 6761,
/// section 6.3), and the one of this machine may know none of them.
fn is_loopback(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

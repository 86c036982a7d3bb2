//! A connection that can freeze, as to a host that is gone without a word.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use url::Url;

#[derive(Clone, Copy, Debug, Default)]
struct Frost {
    is_frozen: bool,
    /// How often it has begun.
    times: u32,
}

/// Stands in front of a server and passes everything on, until it [freezes](Self::freeze). It ends with
/// this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    frost: watch::Sender<Frost>,
    is_full: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Stands in front of the server at that address.
    ///
    /// # Errors
    /// When there is no port to listen at.
    pub async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (frost, frozen) = watch::channel(Frost::default());
        let server = Arc::new(Mutex::new(server));
        let leads_to = Arc::clone(&server);
        let is_full = Arc::<AtomicBool>::default();
        let ends_new_ones = Arc::clone(&is_full);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _peer)) = listener.accept().await {
                if ends_new_ones.load(Ordering::Relaxed) {
                    continue;
                }
                let server = *leads_to.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(pass_on(client, server, frozen.clone()));
            }
        });
        Ok(Self {
            address,
            server,
            frost,
            is_full,
            accepting,
        })
    }

    /// The same URL, leading through a new proxy to the server that it names by its address and port.
    ///
    /// # Errors
    /// When the URL names no such server, or there is no port to listen at.
    pub async fn before(url: &str) -> io::Result<(Self, String)> {
        let (mut url, server) = read(url)?;
        let proxy = Self::to(server).await?;
        let port = url.set_port(Some(proxy.address.port()));
        port.map_err(|()| invalid("the URL takes no port"))?;
        Ok((proxy, url.into()))
    }

    /// Stands in front of the server that this URL names, for new connections.
    ///
    /// # Errors
    /// When the URL names no server by its address and port.
    pub fn lead_to(&self, url: &str) -> io::Result<()> {
        let (_url, server) = read(url)?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
        Ok(())
    }

    /// Passes nothing on any more: connections are accepted, and nobody answers.
    pub fn freeze(&self) {
        self.frost.send_modify(|frost| {
            frost.is_frozen = true;
            frost.times += 1;
        });
    }

    /// Passes on what comes on new connections. Those that were there stay as they are, as if their host
    /// were gone.
    pub fn thaw(&self) {
        self.frost.send_modify(|frost| frost.is_frozen = false);
    }

    /// Whether new connections are ended at once, as by a pooler that has no room for more. Those that were there
    /// go on.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn invalid(problem: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

/// The URL, and the server that it names by its address and port.
fn read(url: &str) -> io::Result<(Url, SocketAddr)> {
    let url = Url::parse(url).map_err(invalid)?;
    let server = url.socket_addrs(|| None)?.first().copied();
    let server = server.ok_or_else(|| invalid("the URL names no server"))?;
    Ok((url, server))
}

/// Passes on until one side ends, or until it is frozen; then holds the connection for ever.
async fn pass_on(mut client: TcpStream, server: SocketAddr, mut frozen: watch::Receiver<Frost>) {
    let before = frozen.borrow().times;
    tokio::select! {
        biased;
        // However soon it was over.
        _ = frozen.wait_for(|frost| frost.is_frozen || frost.times > before) => {}
        _ = async {
            let mut server = TcpStream::connect(server).await?;
            copy_bidirectional(&mut client, &mut server).await
        } => return,
    }
    // The sender goes with the proxy.
    while frozen.changed().await.is_ok() {}
    drop(client);
}

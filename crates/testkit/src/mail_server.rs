//! A mail server that keeps what it is handed (RFC 5321 §4.1, as far as one client needs it), and refuses
//! what it is told to refuse.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rcgen::{Certificate, CertificateParams, DnType, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer,
};

/// Where in a conversation the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// To the connection.
    Greeting,
    /// To `EHLO`.
    Hello,
    /// To `AUTH`.
    Auth,
    /// To `MAIL`.
    Sender,
    /// To `RCPT`.
    Recipient,
    /// To `DATA`.
    Data,
    /// To the content.
    Content,
    /// To `QUIT`.
    Farewell,
}

/// For [`MailServer::answers`]: until it is told otherwise.
pub const ALWAYS: u32 = u32::MAX;

/// A running mail server. It takes every name and password.
pub struct MailServer {
    address: SocketAddr,
    certificate: Option<String>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    mails: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<At, (u32, String)>>,
    asked: Mutex<BTreeMap<At, usize>>,
    tls: Option<Tls>,
}

struct Tls {
    config: Arc<ServerConfig>,
    /// Whether it is asked for first, by STARTTLS.
    is_asked_for: bool,
}

/// A connection, secure or not.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl MailServer {
    /// A server that knows no TLS.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn in_clear() -> io::Result<Self> {
        Self::start(None, None)
    }

    /// A server that speaks TLS from the beginning, with a certificate that it made itself for that name.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn with_tls(name: &str) -> io::Result<Self> {
        Self::certified(name, false)
    }

    /// A server that speaks TLS when it is asked to (STARTTLS), with such a certificate.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn with_starttls(name: &str) -> io::Result<Self> {
        Self::certified(name, true)
    }

    fn certified(name: &str, is_asked_for: bool) -> io::Result<Self> {
        let (certificate, key) = certified_key(name).map_err(io::Error::other)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.der().clone()], key.into())
            })
            .map_err(io::Error::other)?;
        let tls = Tls {
            config: config.into(),
            is_asked_for,
        };
        Self::start(Some(tls), Some(certificate.pem()))
    }

    fn start(tls: Option<Tls>, certificate: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            tls,
            ..State::default()
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || state.converse(stream));
            }
        });
        Ok(Self {
            address,
            certificate,
            state,
        })
    }

    /// Its address, as the service takes it, without a name and a password.
    pub fn url(&self) -> String {
        match &self.state.tls {
            None => format!("smtp://{}", self.address),
            Some(tls) if tls.is_asked_for => format!("smtp://{}?tls=required", self.address),
            Some(_) => format!("smtps://{}", self.address),
        }
    }

    /// Its certificate in PEM; empty when it has none.
    pub fn certificate(&self) -> &str {
        self.certificate.as_deref().unwrap_or_default()
    }

    /// The next so many times it answers this there, and then what it should.
    pub fn answers(&self, at: At, times: u32, answer: &str) {
        locked(&self.state.answers).insert(at, (times, answer.to_owned()));
    }

    /// How often it was asked for an answer there.
    pub fn asked(&self, at: At) -> usize {
        locked(&self.state.asked)
            .get(&at)
            .copied()
            .unwrap_or_default()
    }

    /// What it was handed, headers and all, in that order.
    pub fn mails(&self) -> Vec<String> {
        locked(&self.state.mails).clone()
    }
}

impl State {
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream: Box<dyn Stream> = Box::new(stream);
        let mut offers_tls = false;
        if let Some(tls) = &self.tls {
            offers_tls = tls.is_asked_for;
            if !offers_tls {
                stream = tls.secure(stream)?;
            }
        }
        let mut connection = BufReader::new(stream);
        self.answer(&mut connection, At::Greeting, "220 kept")?;
        while let Some(line) = next_line(&mut connection)? {
            let verb = line.get(..4).unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "EHLO" if offers_tls => {
                    let offer = "250-kept\r\n250-STARTTLS\r\n250 AUTH PLAIN";
                    self.answer(&mut connection, At::Hello, offer)?;
                }
                "EHLO" => {
                    let offer = "250-kept\r\n250 AUTH PLAIN";
                    self.answer(&mut connection, At::Hello, offer)?;
                }
                "STAR" => {
                    say(&mut connection, "220 go on")?;
                    if let Some(tls) = &self.tls {
                        connection = BufReader::new(tls.secure(connection.into_inner())?);
                    }
                    offers_tls = false;
                }
                "AUTH" => {
                    self.answer(&mut connection, At::Auth, "235 known")?;
                }
                "MAIL" => {
                    self.answer(&mut connection, At::Sender, "250 fine")?;
                }
                "RCPT" => {
                    self.answer(&mut connection, At::Recipient, "250 fine")?;
                }
                "DATA" => {
                    if self.answer(&mut connection, At::Data, "354 go on")? {
                        self.take(&mut connection)?;
                    }
                }
                "QUIT" => {
                    self.answer(&mut connection, At::Farewell, "221 bye")?;
                    return Ok(());
                }
                _ => say(&mut connection, "250 fine")?,
            }
        }
        Ok(())
    }

    /// Takes a message up to the line that ends it.
    fn take(&self, connection: &mut BufReader<Box<dyn Stream>>) -> io::Result<()> {
        let mut mail = Vec::new();
        while let Some(line) = next_line(connection)?
            && line != "."
        {
            mail.push(line);
        }
        if self.answer(connection, At::Content, "250 kept")? {
            locked(&self.mails).push(mail.join("\n"));
        }
        Ok(())
    }

    /// Answers what it should, which is true, or else what it was told to.
    fn answer(
        &self,
        connection: &mut BufReader<Box<dyn Stream>>,
        at: At,
        fine: &str,
    ) -> io::Result<bool> {
        *locked(&self.asked).entry(at).or_default() += 1;
        let told = match locked(&self.answers).get_mut(&at) {
            Some((times, answer)) if *times > 0 => {
                *times -= 1;
                Some(answer.clone())
            }
            Some(_) | None => None,
        };
        say(connection, told.as_deref().unwrap_or(fine))?;
        Ok(told.is_none())
    }
}

impl Tls {
    fn secure(&self, stream: Box<dyn Stream>) -> io::Result<Box<dyn Stream>> {
        let connection =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}

/// A key and its certificate, which says who has signed it: the server itself, by that name.
fn certified_key(name: &str) -> Result<(Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new([name.to_owned()])?;
    let names = &mut parameters.distinguished_name;
    names.push(DnType::CommonName, name);
    Ok((parameters.self_signed(&key)?, key))
}

/// The next line without its end; nothing when the other side has gone.
fn next_line(connection: &mut BufReader<Box<dyn Stream>>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = connection.read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn say(connection: &mut BufReader<Box<dyn Stream>>, words: &str) -> io::Result<()> {
    let stream = connection.get_mut();
    write!(stream, "{words}\r\n")?;
    stream.flush()
}

/// What is kept there; nobody panics while holding it.
fn locked<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

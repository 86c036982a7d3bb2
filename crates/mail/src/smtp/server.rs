//! Where the mail server is, and how it is talked to.

use latchkey_domain::host::{RequestHost, needs_encoding};
use lettre::transport::smtp::{
    self,
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, Tls, TlsParameters},
    extension::ClientId,
};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::{SmtpSettingsError, Step};

/// A mail server, as its address says. It has no `Debug`, because it may hold a password.
pub(super) struct Server {
    host: String,
    port: u16,
    /// Whether it is this machine.
    is_here: bool,
    tls: Tls,
    hello: ClientId,
    credentials: Option<Credentials>,
}

impl Server {
    /// Reads an address: `smtp://host` (port 25), `smtp://host?tls=required` or `tls=opportunistic`
    /// (STARTTLS, port 587) or `smtps://host` (port 465); with another port, `user:password@` before the
    /// host, and the name to say hello with as its path, if need be.
    pub(super) fn parse(url: &str) -> Result<Self, SmtpSettingsError> {
        if needs_encoding(url) {
            return Err(SmtpSettingsError::Encoding);
        }
        Self::read(url).ok_or(SmtpSettingsError::Url)
    }

    fn read(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let wanted = url.query_pairs().find(|(key, _)| key == "tls");
        let wanted = wanted.map(|(_, value)| value.into_owned());
        let parameters = || TlsParameters::new(host.clone()).ok();
        let (port, tls) = match (url.scheme(), wanted.as_deref()) {
            ("smtp", None) => (25, Tls::None),
            ("smtp", Some("required")) => (587, Tls::Required(parameters()?)),
            ("smtp", Some("opportunistic")) => (587, Tls::Opportunistic(parameters()?)),
            ("smtps", _) => (465, Tls::Wrapper(parameters()?)),
            _ => return None,
        };
        let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(
                decoded(url.username())?,
                decoded(password)?,
            )),
            None => None,
        };
        let hello = match url.path().trim_matches('/') {
            "" => ClientId::default(),
            name => ClientId::Domain(name.to_owned()),
        };
        let named = url.host_str().and_then(RequestHost::parse);
        Some(Self {
            port: url.port().unwrap_or(port),
            is_here: named.is_some_and(|named| named.is_loopback()),
            host,
            tls,
            hello,
            credentials,
        })
    }

    /// Whether it is this machine.
    pub(super) const fn is_here(&self) -> bool {
        self.is_here
    }

    /// Whether whoever is on the way to it can read and change what is said.
    pub(super) const fn trusts_the_network(&self) -> bool {
        let must_encrypt = match self.tls {
            Tls::None | Tls::Opportunistic(_) => false,
            Tls::Required(_) | Tls::Wrapper(_) => true,
        };
        !must_encrypt && !self.is_here
    }

    /// Connects, makes the connection secure and says who sends, as far as the address asks for it.
    pub(super) async fn connect(
        &self,
        step: &mut Step,
    ) -> Result<AsyncSmtpConnection, smtp::Error> {
        let from_the_beginning = match &self.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            Tls::None | Tls::Opportunistic(_) | Tls::Required(_) => None,
        };
        *step = Step::Greeting;
        let place = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, None, &self.hello, from_the_beginning, None)
                .await?;
        let starts = match &self.tls {
            Tls::Required(parameters) => Some(parameters),
            Tls::Opportunistic(parameters) if connection.can_starttls() => Some(parameters),
            Tls::None | Tls::Opportunistic(_) | Tls::Wrapper(_) => None,
        };
        if let Some(parameters) = starts {
            *step = Step::StartTls;
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            *step = Step::Auth;
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

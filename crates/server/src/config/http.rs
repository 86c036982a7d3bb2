//! `[http]`: where and how requests are taken.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use url::Url;

use super::reader::{Reader, must_be};

/// Where and how requests are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The address to listen at; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Where clients reach the service, when that is not the listening address.
    pub public_url: Option<Url>,
    /// Peers whose `X-Forwarded-For` is believed, and who have no share of the connections.
    pub trusted_proxies: Vec<IpNet>,
    /// How many connections are served at once.
    pub maximum_connections: u32,
    /// How many of them one address may have.
    pub maximum_connections_per_address: u32,
    /// How long requests may take to finish when the service stops.
    pub drain: Duration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            trusted_proxies: Vec::new(),
            maximum_connections: 1024,
            maximum_connections_per_address: 256,
            drain: Duration::from_secs(30),
        }
    }
}

impl Http {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("http");
        let settings = Self {
            listen: section.text("listen", default.listen, |text| {
                text.parse().map_err(|_malformed| {
                    must_be("an address with a port, such as 127.0.0.1:8080", text)
                })
            }),
            public_url: section.optional_text("public_url", public_url),
            trusted_proxies: section.texts("trusted_proxies", network),
            maximum_connections: section.number(
                "maximum_connections",
                default.maximum_connections,
                1..=65_535,
            ),
            maximum_connections_per_address: section.number(
                "maximum_connections_per_address",
                default.maximum_connections_per_address,
                1..=65_535,
            ),
            drain: Duration::from_secs(u64::from(section.number("drain_seconds", 30, 0..=3600))),
        };
        section.finish();
        settings
    }

    /// Where clients reach the service that listens at `bound`.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        })
        .ok_or_else(|| {
            must_be(
                "an http or https URL without a path, such as https://auth.example.com",
                text,
            )
        })
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_not_a_network| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_malformed| {
            must_be(
                "a list of addresses or networks, such as 10.0.0.1 or 10.0.0.0/8 (in the environment with \
                 commas between them)",
                text,
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_url_has_no_path_and_no_secret() {
        for text in [
            "https://auth.example.com",
            "https://auth.example.com/",
            "http://localhost:1",
        ] {
            assert!(public_url(text).is_ok(), "{text}");
        }
        for text in [
            "auth.example.com",
            "https://auth.example.com/auth",
            "https://a:b@auth.example.com",
            "https://auth.example.com?x",
            "file:///etc",
        ] {
            assert!(public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_public_url_the_bound_address_is_shown() {
        let bound = "127.0.0.1:4711".parse().unwrap();
        assert_eq!(Http::default().public_url(bound), "http://127.0.0.1:4711");
        let http = Http {
            public_url: Some(Url::parse("https://auth.example.com").unwrap()),
            ..Http::default()
        };
        assert_eq!(http.public_url(bound), "https://auth.example.com");
    }
}

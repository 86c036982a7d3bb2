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
    /// How many of them one address may have; a quarter where nothing else is said.
    pub maximum_connections_per_address: u32,
    /// How long requests may take to finish when the service stops.
    pub drain: Duration,
}

impl Default for Http {
    fn default() -> Self {
        let maximum_connections = 1024;
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            trusted_proxies: Vec::new(),
            maximum_connections,
            maximum_connections_per_address: share(maximum_connections),
            drain: Duration::from_secs(30),
        }
    }
}

impl Http {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("http");
        let listen = section.text("listen", default.listen, |text| {
            text.parse().map_err(|_malformed| {
                must_be("an address with a port, such as 127.0.0.1:8080", text)
            })
        });
        let public_url = section.optional_text("public_url", public_url);
        let trusted_proxies = section.texts("trusted_proxies", network);
        let maximum_connections = section.number(
            "maximum_connections",
            default.maximum_connections,
            1..=65_535,
        );
        let settings = Self {
            listen,
            public_url,
            trusted_proxies,
            maximum_connections,
            maximum_connections_per_address: section.number(
                "maximum_connections_per_address",
                share(maximum_connections),
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

/// How many connections one address may have, of so many, where that is not set.
fn share(maximum_connections: u32) -> u32 {
    (maximum_connections / 4).max(1)
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
    use crate::config::Settings;

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
    fn a_share_that_is_not_set_is_a_quarter_of_the_connections() {
        for (whole, set, share) in [
            (None, None, 256),
            (Some("256"), None, 64),
            (Some("4000"), None, 1000),
            (Some("3"), None, 1),
            (Some("1"), None, 1),
            (Some("256"), Some("200"), 200),
            (None, Some("2000"), 2000),
        ] {
            let named = [("", whole), ("_PER_ADDRESS", set)].into_iter();
            let variables = named.filter_map(|(end, value)| {
                let key = format!("LATCHKEY__HTTP__MAXIMUM_CONNECTIONS{end}");
                Some((key, value?.to_owned()))
            });
            let settings = Settings::load(None, variables.collect()).unwrap();
            let of_one = settings.http.maximum_connections_per_address;
            assert_eq!(of_one, share, "{whole:?} {set:?}");
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

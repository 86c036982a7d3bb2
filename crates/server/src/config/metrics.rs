//! `[metrics]`: where metrics are told.

use std::net::{IpAddr, SocketAddr};

use super::reader::{Reader, must_be};

/// Where metrics are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The address of their own to listen at; nothing is counted without one.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    /// `taken` is the address at which requests are taken.
    pub(super) fn read(reader: &mut Reader, taken: SocketAddr) -> Self {
        let mut section = reader.section("metrics");
        let settings = Self {
            listen: section.optional_text("listen", |text| {
                let listen = text.parse().map_err(|_malformed| {
                    must_be("an address with a port, such as 127.0.0.1:9464", text)
                })?;
                if meet(listen, taken) {
                    return Err(format!(
                        "must be another address than http.listen, which is {taken}: choose another port"
                    ));
                }
                Ok(listen)
            }),
        };
        section.finish();
        settings
    }
}

/// Whether nobody can listen at both. Port 0 is another one each time.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    // On Linux `[::]` takes what comes to addresses of IPv4 as well.
    let covers = |one: IpAddr, other: IpAddr| {
        one == other || one.is_unspecified() && (one.is_ipv6() || other.is_ipv4())
    };
    let (here, there) = (one.ip(), other.ip());
    one.port() != 0 && one.port() == other.port() && (covers(here, there) || covers(there, here))
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn metrics_are_told_at_an_address_of_their_own() {
        for (http, metrics, can_be) in [
            ("127.0.0.1:8080", "127.0.0.1:9464", true),
            ("127.0.0.1:0", "127.0.0.1:0", true),
            ("127.0.0.1:8080", "127.0.0.2:8080", true),
            ("0.0.0.0:8080", "[::1]:8080", true),
            ("127.0.0.1:8080", "127.0.0.1:8080", false),
            ("0.0.0.0:8080", "127.0.0.1:8080", false),
            ("127.0.0.1:8080", "[::]:8080", false),
        ] {
            let variables = [("HTTP", http), ("METRICS", metrics)];
            let variables = variables.map(|(section, address)| {
                (format!("LATCHKEY__{section}__LISTEN"), address.to_owned())
            });
            let loaded = Settings::load(None, variables.into());
            assert_eq!(loaded.is_ok(), can_be, "{http} {metrics}");
            if let Err(faults) = loaded {
                let said = faults.to_string();
                assert!(said.contains("metrics.listen must be another"), "{said}");
            }
        }
    }
}

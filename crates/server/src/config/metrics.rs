//! `[metrics]`: where metrics are told.

use std::net::SocketAddr;

use super::reader::{Reader, must_be};

/// Where metrics are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The address of their own to listen at; nothing is counted without one.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut section = reader.section("metrics");
        let settings = Self {
            listen: section.optional_text("listen", |text| {
                text.parse().map_err(|_malformed| {
                    must_be("an address with a port, such as 127.0.0.1:9464", text)
                })
            }),
        };
        section.finish();
        settings
    }
}

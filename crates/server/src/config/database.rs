//! `[database]`: where everything is kept.

use std::{fmt, time::Duration};

use latchkey_storage::connect::check_url;

use super::reader::Reader;

/// Where everything is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// `sqlite://…` or `postgres://…`; it may hold a password, so it is never shown.
    pub url: String,
    /// The most connections to PostgreSQL; SQLite needs no such limit.
    pub maximum_connections: u32,
    /// How long one call of the database may take.
    pub deadline: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://data/latchkey.db".to_owned(),
            maximum_connections: 16,
            deadline: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("maximum_connections", &self.maximum_connections)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("database");
        let settings = Self {
            url: section.text("url", default.url, |text| {
                // The value is not repeated, because it may hold a password.
                check_url(text)
                    .map(|()| text.to_owned())
                    .map_err(|error| error.to_string())
            }),
            maximum_connections: section.number(
                "maximum_connections",
                default.maximum_connections,
                1..=1000,
            ),
            deadline: Duration::from_secs(u64::from(section.number("deadline_seconds", 5, 1..=60))),
        };
        section.finish();
        settings
    }

    /// Whether it is an embedded SQLite database.
    pub fn is_embedded(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

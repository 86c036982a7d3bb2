//! `[database]`: where everything is kept.

use std::fmt;

use super::reader::Reader;

/// Where everything is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// `sqlite://…` or `postgres://…`; it may hold a password, so it is never shown.
    pub url: String,
    /// The most connections to PostgreSQL; SQLite needs no such limit.
    pub maximum_connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://data/latchkey.db".to_owned(),
            maximum_connections: 16,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("maximum_connections", &self.maximum_connections)
            .finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("database");
        let settings = Self {
            url: section.text("url", default.url, url),
            maximum_connections: section.number(
                "maximum_connections",
                default.maximum_connections,
                1..=1000,
            ),
        };
        section.finish();
        settings
    }

    /// Whether it is an embedded SQLite database.
    pub fn is_embedded(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

/// The value is not repeated in the fault, because it may hold a password.
fn url(text: &str) -> Result<String, String> {
    let file = text.strip_prefix("sqlite:").map(|rest| {
        rest.split('?')
            .next()
            .unwrap_or_default()
            .trim_start_matches('/')
    });
    let server = text.starts_with("postgres://") || text.starts_with("postgresql://");
    if server && url::Url::parse(text).is_ok() || file.is_some_and(|file| !file.is_empty()) {
        Ok(text.to_owned())
    } else {
        Err("must be a URL such as sqlite://data/latchkey.db or \
             postgres://user:password@host:5432/latchkey"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_are_accepted() {
        for text in [
            "sqlite://data/latchkey.db",
            "sqlite://data/latchkey.db?mode=rwc",
            "sqlite:///var/lib/latchkey.db",
            "sqlite::memory:",
            "postgres://me@localhost/latchkey",
            "postgresql:///latchkey?host=/run/postgresql",
        ] {
            assert!(url(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "sqlite:",
            "sqlite://",
            "latchkey.db",
            "mysql://localhost/x",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}

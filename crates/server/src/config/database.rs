//! `[database]`: where everything is kept.

use std::{fmt, time::Duration};

use latchkey_storage::connect::check_url;

use super::{password, reader::Reader};

/// Where everything is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// `sqlite://…` or `postgres://…`, with the password that is configured beside it; so it is never shown.
    pub url: String,
    /// The most connections to PostgreSQL, one of which is for migrations and for replacing another; SQLite needs no
    /// such limit.
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
        let url = section.secret("url", |text| {
            // The value is not repeated, because it may hold a password.
            check_url(text)
                .map(|()| text.to_owned())
                .map_err(|error| error.to_string())
        });
        let has_fault = section.has_fault("url");
        let url = url.unwrap_or(default.url);
        let with_password = section.secret("password", |text| {
            if has_fault {
                Ok(url.clone())
            } else if url.starts_with("sqlite:") {
                Err("is for PostgreSQL, and database.url is no server: leave it out".to_owned())
            } else {
                password::put_into(&url, text, "database.url")
            }
        });
        let settings = Self {
            url: with_password.unwrap_or(url),
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::{Faults, Settings};

    fn load(variables: &[(&str, &str)]) -> Result<Database, Faults> {
        let environment: HashMap<_, _> = variables
            .iter()
            .map(|(name, value)| (format!("LATCHKEY__DATABASE__{name}"), (*value).to_owned()))
            .collect();
        Settings::load(None, environment).map(|settings| settings.database)
    }

    /// As it has always been; a second one is opened where two are needed.
    #[test]
    fn one_connection_may_be_set() {
        let settings = load(&[("MAXIMUM_CONNECTIONS", "1")]).unwrap();
        assert_eq!(settings.maximum_connections, 1);
        let faults = load(&[("MAXIMUM_CONNECTIONS", "0")]).unwrap_err();
        assert_eq!(faults.all()[0].key, "database.maximum_connections");
    }

    #[test]
    fn a_password_of_its_own_is_written_as_it_is() {
        for (url, expected) in [
            (
                "postgres://latchkey@db.example.com/latchkey?sslmode=verify-full",
                "postgres://latchkey:50%25%20off%3A%2F%40%3F@db.example.com/latchkey?sslmode=verify-full",
            ),
            (
                "postgres://latchkey@%2Fvar%2Frun%2Fpostgresql/latchkey",
                "postgres://latchkey:50%25%20off%3A%2F%40%3F@%2Fvar%2Frun%2Fpostgresql/latchkey",
            ),
        ] {
            let database = load(&[("URL", url), ("PASSWORD", "50% off:/@?")]).unwrap();
            assert_eq!(database.url, expected);
            assert!(!format!("{database:?}").contains("off"));
        }
    }

    #[test]
    fn a_password_of_its_own_is_the_only_one_and_for_a_server() {
        for (url, says) in [
            ("sqlite://data/latchkey.db", "is for PostgreSQL"),
            (
                "postgres://latchkey:hunter3@localhost/latchkey",
                "database.url has one",
            ),
            (
                "postgres://localhost/latchkey?password=hunter3",
                "database.url has one",
            ),
            ("postgres:///latchkey", "needs a host"),
        ] {
            let faults = load(&[("URL", url), ("PASSWORD", "hunter2")]).unwrap_err();
            let faults = faults.to_string();
            assert!(faults.contains("database.password"), "{url}: {faults}");
            assert!(faults.contains(says), "{url}: {faults}");
            assert!(!faults.contains("hunter"), "{faults}");
        }
    }

    #[test]
    fn beside_a_faulty_url_nothing_is_said_of_the_password() {
        for (key, url) in [
            ("URL", "postgres://latchkey@localhost:port/latchkey"),
            ("URL", "mysql://localhost/latchkey"),
            ("URL_FILE", "no-such-folder/url"),
        ] {
            let faults = load(&[(key, url), ("PASSWORD", "hunter2")]).unwrap_err();
            let [fault] = faults.all() else {
                panic!("{url}: {faults}");
            };
            assert_eq!(fault.key, "database.url", "{faults}");
        }
    }
}

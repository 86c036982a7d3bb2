//! `[demo]`: whether there is a demonstration organization.

use super::{Settings, reader::Reader};

/// Whether `serve` makes a demonstration organization in an empty database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demo {
    /// As configured; when it is absent, see [`Settings::wants_demo`].
    pub enabled: Option<bool>,
}

impl Demo {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut section = reader.section("demo");
        let settings = Self {
            enabled: section.boolean("enabled"),
        };
        section.finish();
        settings
    }
}

impl Settings {
    /// Whether an empty database gets a demonstration organization. Unless it is configured, only an
    /// installation that nobody but this machine can reach gets one: it listens on the loopback
    /// interface, has no public URL and keeps its data in SQLite.
    pub fn wants_demo(&self) -> bool {
        self.demo.enabled.unwrap_or_else(|| {
            self.http.listen.ip().is_loopback()
                && self.http.public_url.is_none()
                && self.database.is_embedded()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn wants_demo(variables: &[(&str, &str)]) -> bool {
        let environment: HashMap<_, _> = variables
            .iter()
            .map(|(name, value)| (format!("LATCHKEY__{name}"), (*value).to_owned()))
            .collect();
        Settings::load(None, environment).unwrap().wants_demo()
    }

    #[test]
    fn only_an_installation_to_try_gets_a_demonstration() {
        assert!(wants_demo(&[]));
        assert!(!wants_demo(&[("DEMO__ENABLED", "false")]));
        for public in [
            ("HTTP__LISTEN", "0.0.0.0:8080"),
            ("HTTP__PUBLIC_URL", "https://auth.example.com"),
            ("DATABASE__URL", "postgres://localhost/latchkey"),
        ] {
            assert!(!wants_demo(&[public]), "{public:?}");
            assert!(
                wants_demo(&[public, ("DEMO__ENABLED", "true")]),
                "{public:?}"
            );
        }
    }
}

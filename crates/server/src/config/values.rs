//! Every setting with its value, to be compared and shown.

use std::time::Duration;

use latchkey_domain::{host::needs_encoding, policy::Policy};
use url::Url;

use super::{
    Settings, limits,
    log::Format,
    mail::{Mail, Transport},
    secrets::Secrets,
};

/// A setting and its value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Value {
    /// The key, with its section.
    pub(crate) key: &'static str,
    /// The value, to be shown: what is secret in it is left out. Empty when there is none.
    pub(crate) shown: String,
    /// The value, to be compared.
    whole: String,
}

/// What stands for what is secret.
const HIDDEN: &str = "(hidden)";

impl Value {
    fn plain(key: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        let whole = value.to_string();
        Self {
            key,
            shown: whole.clone(),
            whole,
        }
    }

    fn seconds(key: &'static str, value: Duration) -> Self {
        Self::plain(key, &value.as_secs())
    }

    fn optional(key: &'static str, value: Option<impl ToString>) -> Self {
        let text = value.map(|value| value.to_string()).unwrap_or_default();
        Self::plain(key, &text)
    }

    /// Of a URL that may hold a password.
    fn url(key: &'static str, value: &str) -> Self {
        Self {
            key,
            shown: without_password(value),
            whole: value.to_owned(),
        }
    }

    fn secret(key: &'static str, value: Option<&str>) -> Self {
        let shown = if value.is_some() { HIDDEN } else { "" };
        Self {
            key,
            shown: shown.to_owned(),
            whole: value.unwrap_or_default().to_owned(),
        }
    }
}

fn without_password(url: &str) -> String {
    if url.is_empty() || url.starts_with("sqlite:") {
        return url.to_owned();
    }
    if needs_encoding(url) {
        return HIDDEN.to_owned();
    }
    let Ok(mut url) = Url::parse(url) else {
        return HIDDEN.to_owned();
    };
    if url.query_pairs().any(|(name, _)| name == "password") {
        return HIDDEN.to_owned();
    }
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return HIDDEN.to_owned();
    }
    url.to_string()
}

impl Settings {
    /// Every setting, in the order of the sections.
    pub(crate) fn values(&self) -> Vec<Value> {
        let mut values = self.values_of_serving();
        values.extend(self.values_of_policy());
        let Mail {
            transport,
            smtp_url,
            from,
        } = &self.mail;
        values.extend([
            Value::plain(
                "log.format",
                match self.log.format {
                    Format::Text => "text",
                    Format::Json => "json",
                },
            ),
            Value::plain("log.level", &self.log.level),
            Value::optional("metrics.listen", self.metrics.listen),
            Value::optional(
                "location.path",
                self.location.path.as_ref().map(|path| path.display()),
            ),
            Value::optional("demo.enabled", self.demo.enabled),
            Value::plain(
                "mail.transport",
                match transport {
                    Transport::Outbox => "outbox",
                    Transport::Smtp => "smtp",
                },
            ),
            Value::url(
                "mail.smtp_url",
                smtp_url.as_ref().map_or("", |url| url.as_str()),
            ),
            Value::plain("mail.from", from),
            Value::plain("web.enabled", &self.web.enabled),
            Value::plain("web.prefix", &self.web.prefix),
        ]);
        values
    }

    fn values_of_serving(&self) -> Vec<Value> {
        let http = &self.http;
        let proxies = http.trusted_proxies.iter().map(ToString::to_string);
        let Secrets { path, contents } = &self.secrets;
        vec![
            Value::plain("http.listen", &http.listen),
            Value::optional("http.public_url", http.public_url.as_ref()),
            Value::plain(
                "http.trusted_proxies",
                &proxies.collect::<Vec<_>>().join(", "),
            ),
            Value::plain("http.maximum_connections", &http.maximum_connections),
            Value::plain(
                "http.maximum_connections_per_address",
                &http.maximum_connections_per_address,
            ),
            Value::seconds("http.drain_seconds", http.drain),
            Value::url("database.url", &self.database.url),
            Value::plain(
                "database.maximum_connections",
                &self.database.maximum_connections,
            ),
            Value::seconds("database.deadline_seconds", self.database.deadline),
            Value::plain("secrets.path", &path.display()),
            Value::secret(
                "secrets.contents",
                contents.as_ref().map(|text| text.as_str()),
            ),
        ]
    }

    fn values_of_policy(&self) -> Vec<Value> {
        let Policy { lifetimes, limits } = &self.policy;
        let mut values = vec![
            Value::seconds("tokens.challenge_seconds", lifetimes.challenge),
            Value::seconds("tokens.user_action_seconds", lifetimes.user_action),
            Value::seconds("tokens.temporary_token_seconds", lifetimes.temporary_token),
            Value::seconds("tokens.session_seconds", lifetimes.session),
            Value::seconds(
                "tokens.registration_code_seconds",
                lifetimes.registration_code,
            ),
            Value::plain("limits.enabled", &limits.enabled),
        ];
        let mut limits = limits.clone();
        values.extend(limits::each(&mut limits).map(|(key, limit)| Value::plain(key, limit)));
        values
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;

    #[test]
    fn every_setting_has_a_value() {
        let values = Settings::default().values();
        let keys: BTreeSet<_> = values.iter().map(|value| value.key.to_owned()).collect();
        assert_eq!(keys.len(), values.len());
        // A password is shown as part of the URL that it is for, and a file as the source of what is in it.
        let mut known = super::super::known_keys();
        known.retain(|key| !key.ends_with("_file") && !key.ends_with("password"));
        assert_eq!(keys, known);
    }

    #[test]
    fn what_is_secret_is_compared_and_not_shown() {
        let of = |password: &str| {
            let variables = [
                (
                    "DATABASE__URL",
                    format!("postgres://root:{password}@db/latchkey"),
                ),
                (
                    "MAIL__SMTP_URL",
                    format!("smtps://root:{password}@mail.example.com"),
                ),
                ("SECRETS__CONTENTS", password.to_owned()),
            ];
            let variables: HashMap<_, _> = variables
                .into_iter()
                .map(|(name, value)| (format!("LATCHKEY__{name}"), value))
                .collect();
            Settings::load(None, variables).unwrap().values()
        };
        let (one, other) = (of("hunter2"), of("hunter3"));
        let differing: Vec<_> = one
            .iter()
            .zip(&other)
            .filter(|(one, other)| one != other)
            .map(|(one, other)| {
                assert_eq!(one.shown, other.shown);
                (one.key, one.shown.as_str())
            })
            .collect();
        assert_eq!(
            differing,
            [
                ("database.url", "postgres://root:***@db/latchkey"),
                ("secrets.contents", "(hidden)"),
                ("mail.smtp_url", "smtps://root:***@mail.example.com"),
            ]
        );
    }

    #[test]
    fn a_password_anywhere_in_a_url_is_not_shown() {
        for url in [
            "postgres://host/db?user=root&password=hunter2",
            "postgres://root:hunter2@host/db?sslmode=require",
            "smtp://root:p@s#hunter2@mail.example.com:25",
            "no url with hunter2",
        ] {
            assert!(!without_password(url).contains("hunter2"), "{url}");
        }
        assert_eq!(without_password("sqlite://data/a.db"), "sqlite://data/a.db");
    }
}

//! The configuration, read anew while the service runs: what can change changes at once, and the log says what
//! has changed, what needs a restart, and what is wrong.

use std::sync::Arc;

use ipnet::IpNet;
use latchkey_domain::policy::Limits;
use latchkey_service::{live::Live, outbox::Trouble, ports::mailer::Mailer, throttle::Throttle};
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Faults, Settings},
    lifecycle::{ConnectionLimits, files},
    location::{Atlas, LocationError},
    telemetry::Level,
    wiring::{self, Adapters},
};

/// How the configuration is read anew, and what of it may change.
pub struct Reload {
    read: Box<dyn Fn() -> Result<Settings, Faults> + Send + Sync>,
    /// What holds.
    settings: Settings,
    level: Option<Level>,
    mailer: Option<Live<Arc<dyn Mailer>>>,
    atlas: Option<Live<Option<Atlas>>>,
}

/// What every service has that may change.
pub(crate) struct Parts {
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) trouble: Arc<Trouble>,
    pub(crate) trusted_proxies: Live<Vec<IpNet>>,
    pub(crate) connections: Live<ConnectionLimits>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
struct Changes {
    made: Vec<Change>,
    /// The settings that take effect when the process is started anew.
    wait: Vec<&'static str>,
    /// What weakens the installation, and did not before.
    weaknesses: Vec<String>,
}

/// A setting with another value, neither of which is secret.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    key: &'static str,
    before: String,
    now: String,
}

/// Why nothing is changed.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Faults(#[from] Faults),
    #[error("mail: {0}")]
    Mail(#[from] latchkey_mail::smtp::SmtpSettingsError),
    #[error("log.level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    #[error(transparent)]
    Location(#[from] LocationError),
}

impl Reload {
    /// With these settings at first, and then with what `read` gives.
    pub fn new(
        settings: &Settings,
        read: impl Fn() -> Result<Settings, Faults> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Box::new(read),
            settings: settings.clone(),
            level: None,
            mailer: None,
            atlas: None,
        }
    }

    /// The level of this log may change as well.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// The mailer of these adapters may change as well, if it is the one that is configured, and so may the file that
    /// tells where addresses are, if one was.
    #[must_use]
    pub fn with_adapters(mut self, adapters: &Adapters) -> Self {
        self.mailer = adapters.configured_mailer();
        self.atlas = adapters.configured_atlas();
        self
    }

    /// Reads the configuration anew, and tells the log what comes of it.
    pub(crate) fn hear(reload: Option<&mut Self>, parts: &Parts) {
        let Some(reload) = reload else {
            warn!("SIGHUP is ignored: this program reads its configuration at the start only");
            return;
        };
        // Whatever the level is or becomes, it is told if either lets it through.
        let is_told_before = tracing::enabled!(tracing::Level::INFO);
        match reload.perform(parts) {
            Ok((changes, filter)) => {
                if is_told_before {
                    changes.tell();
                }
                reload.set_level(filter);
                if !is_told_before {
                    changes.tell();
                }
            }
            // What it says of the configuration is one line for each fault; an entry of the log is one line.
            Err(error) => error!(
                "SIGHUP changes nothing: {}",
                error.to_string().replace("\n  ", "; ")
            ),
        }
    }

    /// Changes what can be changed but the level of the log, if nothing at all is wrong.
    fn perform(&mut self, parts: &Parts) -> Result<(Changes, Option<EnvFilter>), ReloadError> {
        let wanted = (self.read)()?;
        let before = self.settings.values().into_iter();
        let differing = before
            .zip(wanted.values())
            .filter(|(before, now)| before != now);
        let (made, wait): (Vec<_>, Vec<_>) =
            differing.partition(|(before, _)| self.may_change(before.key));
        // Whatever may go wrong comes first.
        let has_changed = |prefix: &str| made.iter().any(|(now, _)| now.key.starts_with(prefix));
        let mailer = match &self.mailer {
            Some(live) if has_changed("mail.") => Some((live, wiring::mailer(&wanted.mail)?)),
            Some(_) | None => None,
        };
        let filter = if has_changed("log.level") {
            Some(wanted.log.filter()?)
        } else {
            None
        };
        // The file is replaced under its name, every month.
        let atlas = match &self.atlas {
            Some(live) => Some((live, Atlas::read(&wanted.location)?)),
            None => None,
        };
        let has_other_connections = has_changed("http.");

        let known = self.settings.weaknesses(true);
        let wanted_limits = wanted.policy.limits;
        if let Some((live, mailer)) = mailer {
            live.change(mailer);
            // What was mended may not be yet.
            parts.trouble.tells_anew();
            self.settings.mail = wanted.mail;
        }
        if let Some((live, atlas)) = atlas {
            if let Some(atlas) = &atlas {
                atlas.tell();
            }
            live.change(atlas);
            self.settings.location = wanted.location;
        }
        if filter.is_some() {
            self.settings.log.level = wanted.log.level;
        }
        let http = &mut self.settings.http;
        http.trusted_proxies = wanted.http.trusted_proxies;
        http.maximum_connections = wanted.http.maximum_connections;
        http.maximum_connections_per_address = wanted.http.maximum_connections_per_address;
        http.drain = wanted.http.drain;
        if has_other_connections {
            let limits = ConnectionLimits {
                maximum: http.maximum_connections,
                maximum_per_address: http.maximum_connections_per_address,
                trusted_proxies: http.trusted_proxies.clone(),
                drain: http.drain,
                ..ConnectionLimits::clone(&parts.connections.read())
            };
            files::raise_limit(&limits);
            parts.trusted_proxies.change(http.trusted_proxies.clone());
            parts.connections.change(limits);
        }
        self.settings.secret_files = wanted.secret_files;
        self.change_limits(wanted_limits, parts);

        let mut weaknesses = self.settings.weaknesses(true);
        weaknesses.retain(|weakness| !known.contains(weakness));
        let made = made.into_iter().map(|(before, now)| Change {
            key: before.key,
            before: before.shown,
            now: now.shown,
        });
        let changes = Changes {
            made: made.collect(),
            wait: wait.into_iter().map(|(before, _)| before.key).collect(),
            weaknesses,
        };
        Ok((changes, filter))
    }

    fn change_limits(&mut self, limits: Limits, parts: &Parts) {
        if self.settings.policy.limits != limits {
            self.settings.policy.limits = limits.clone();
            parts.throttle.change_limits(limits);
        }
    }

    fn set_level(&self, filter: Option<EnvFilter>) {
        if let (Some(level), Some(filter)) = (&self.level, filter)
            && let Err(error) = level.change(filter)
        {
            error!(error, "the level of the log cannot be changed");
        }
    }

    /// Whether a setting takes effect without a restart.
    fn may_change(&self, key: &str) -> bool {
        match key {
            "http.trusted_proxies"
            | "http.maximum_connections"
            | "http.maximum_connections_per_address"
            | "http.drain_seconds" => true,
            "log.level" => self.level.is_some(),
            "location.path" => self.atlas.is_some(),
            _ => {
                let is_of_mail = key.starts_with("mail.") && self.mailer.is_some();
                is_of_mail || key.starts_with("limits.")
            }
        }
    }
}

impl Changes {
    fn tell(&self) {
        for Change { key, before, now } in &self.made {
            info!(setting = key, before, now, "a setting was changed");
        }
        if !self.wait.is_empty() {
            warn!(
                settings = self.wait.join(", "),
                "settings that take effect when the process is started anew have other values in the \
                 configuration"
            );
        }
        if self.made.is_empty() && self.wait.is_empty() {
            info!("the configuration was read anew, and nothing in it has changed");
        }
        for weakness in &self.weaknesses {
            warn!("{weakness}");
        }
    }
}

#[cfg(test)]
mod tests;

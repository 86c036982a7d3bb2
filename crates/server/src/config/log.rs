//! `[log]`: how the log looks.

use tracing::Level;
use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, ParseError, Targets},
};

use super::reader::{Reader, must_be};

/// How the log looks. It goes to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: Format,
    /// Which lines there are: a level, or directives such as `info,latchkey_http=debug`.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object on each line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: "info".to_owned(),
        }
    }
}

/// Libraries that say what we say in words of our own, or take a client's fault for an error of the program, which is
/// answered to the client and told as a security event: steps of the schema, and what is wrong with an attestation.
/// Their lines are left out, unless `log.level` names them.
const SAID_BY_US: &str = "sea_orm_migration=off,webauthn_rs_core=off";

/// The filter of that level: whoever makes a log makes its filter here.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    // Of two directives for one name, the later one counts.
    EnvFilter::try_new(format!("{SAID_BY_US},{level}"))
}

impl Log {
    /// Which lines it has.
    ///
    /// # Errors
    /// [`ParseError`] when the level is none; one that was read from a configuration is.
    pub fn filter(&self) -> Result<EnvFilter, ParseError> {
        filter(&self.level)
    }

    /// Whether security events are among its lines.
    pub(super) fn tells_events(&self) -> bool {
        // Directives about spans are for what requests do, and tell more and not less.
        let directives = self.level.split(',');
        let directives: Vec<_> = directives.filter(|one| !one.contains('[')).collect();
        let targets = directives.join(",").parse::<Targets>();
        targets.is_ok_and(|targets| targets.would_enable("latchkey::security", &Level::INFO))
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("log");
        let settings = Self {
            format: section.text("format", default.format, |text| match text {
                "text" => Ok(Format::Text),
                "json" => Ok(Format::Json),
                other => Err(must_be("\"text\" or \"json\"", other)),
            }),
            level: section.text("level", default.level, |text| {
                if has_levels(text) && filter(text).is_ok() {
                    Ok(text.to_owned())
                } else {
                    Err(must_be(
                        "error, warn, info, debug, trace or off, or directives such as \
                         \"info,latchkey_http=debug\"",
                        text,
                    ))
                }
            }),
        };
        section.finish();
        settings
    }
}

/// Whether each directive says a level. A word alone that is none would be taken for the name of a part of the
/// program, of which everything is told, and of all others nothing.
fn has_levels(text: &str) -> bool {
    text.split(',').all(|directive| {
        let directive = directive.trim();
        let is_level = !directive.is_empty() && directive.parse::<LevelFilter>().is_ok();
        is_level || directive.contains(['=', '['])
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        io,
        sync::{Arc, Mutex},
    };

    use tracing::{enabled, error, info, subscriber::with_default, warn};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn what_a_library_says_of_steps_is_left_out_unless_it_is_named() {
        for (level, has_it) in [
            ("info", false),
            ("debug", false),
            ("info,sea_orm_migration=info", true),
            ("off", false),
        ] {
            let log = tracing_subscriber::registry().with(filter(level).unwrap());
            with_default(log, || {
                let of_library = enabled!(target: "sea_orm_migration::migrator", Level::INFO);
                assert_eq!(of_library, has_it, "{level}");
                let of_ours = enabled!(target: "latchkey_migrations", Level::INFO);
                assert_eq!(of_ours, level != "off", "{level}");
            });
        }
    }

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a log of that level has of these lines, of which two are a library's.
    fn lines(level: &str) -> String {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter(level).unwrap())
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        with_default(log, || {
            error!(target: "webauthn_rs_core::internals", "of a library");
            warn!(target: "webauthn_rs_core", "of a library");
            error!(target: "latchkey_http", "an error of ours");
            info!(target: "latchkey::security", "an event");
        });
        let written = written.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn what_a_library_says_of_a_client_is_left_out_unless_it_is_named() {
        for level in ["info", "debug", "trace", "warn,latchkey::security=info"] {
            let lines = lines(level);
            assert!(!lines.contains("of a library"), "{level}: {lines}");
            assert!(lines.contains("an error of ours"), "{level}: {lines}");
            assert!(lines.contains("an event"), "{level}: {lines}");
        }
        assert_eq!(lines("off"), "");
        let warned = lines("warn");
        assert!(warned.contains("an error of ours") && !warned.contains("an event"));
        let named = lines("info,webauthn_rs_core=warn");
        assert_eq!(named.matches("of a library").count(), 2, "{named}");
        let alone = lines("webauthn_rs_core=error");
        assert_eq!(alone.lines().count(), 1, "{alone}");
    }

    #[test]
    fn whether_a_log_has_security_events_is_known_from_its_level() {
        for (level, has_them) in [
            ("off", false),
            ("error", false),
            ("WARN", false),
            ("info", true),
            ("trace", true),
            ("off,latchkey::security=info", true),
            ("info,latchkey::security=off", false),
            ("warn,latchkey::security=info", true),
            ("warn,latchkey=debug", true),
            ("latchkey_storage=trace", false),
            ("info,[request]=debug", true),
            ("warn,[request]=debug", false),
        ] {
            assert_eq!(lines(level).contains("an event"), has_them, "{level}");
            let log = Log {
                level: level.to_owned(),
                ..Log::default()
            };
            assert_eq!(log.tells_events(), has_them, "{level}");
        }
    }

    fn is_taken(level: &str) -> bool {
        let variables = HashMap::from([("LATCHKEY__LOG__LEVEL".to_owned(), level.to_owned())]);
        Settings::load(None, variables).is_ok()
    }

    #[test]
    fn a_level_is_one_that_is_known() {
        for level in [
            "error",
            "WARN",
            "off",
            "trace",
            "info,latchkey_http=debug",
            "warn,[request]=debug",
            "latchkey_storage=trace",
        ] {
            assert!(is_taken(level), "{level}");
        }
        for level in [
            "verbose",
            "info;debug",
            "warning",
            "info,",
            "latchkey_http",
            "info,verbose",
        ] {
            assert!(!is_taken(level), "{level}");
        }
    }
}

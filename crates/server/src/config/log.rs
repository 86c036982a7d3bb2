//! `[log]`: how the log looks.

use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, ParseError},
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

/// What a library says of steps of the schema is said in words of our own, unless `log.level` names it.
const SAID_BY_US: &str = "sea_orm_migration=off";

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
    use std::collections::HashMap;

    use tracing::{Level, enabled, subscriber::with_default};
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

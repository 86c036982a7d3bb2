//! `[log]`: how the log looks.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

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

impl Log {
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
                if has_levels(text) && EnvFilter::try_new(text).is_ok() {
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

    use crate::config::Settings;

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

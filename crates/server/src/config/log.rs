//! `[log]`: how the log looks.

use tracing_subscriber::EnvFilter;

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
                EnvFilter::try_new(text)
                    .map(|_filter| text.to_owned())
                    .map_err(|_malformed| {
                        must_be(
                            "error, warn, info, debug, trace or off, or directives such as \
                             \"info,latchkey_http=debug\"",
                            text,
                        )
                    })
            }),
        };
        section.finish();
        settings
    }
}

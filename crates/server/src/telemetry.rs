//! The log: structured events on standard error, as text or as JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use crate::config::log::{Format, Log};

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be started: {0}")]
pub struct TelemetryError(String);

/// Starts the log; everything that is traced from here on is written.
///
/// # Errors
/// [`TelemetryError`] when there is a log already.
pub fn start(settings: &Log) -> Result<(), TelemetryError> {
    let filter =
        EnvFilter::try_new(&settings.level).map_err(|error| TelemetryError(error.to_string()))?;
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    match settings.format {
        Format::Text => builder.finish().try_init(),
        Format::Json => builder.json().flatten_event(true).finish().try_init(),
    }
    .map_err(|error| TelemetryError(error.to_string()))
}

//! The latchkey binary: configuration, wiring, lifecycle.
//!
//! This is the only crate where the adapters meet. It is a library, so that tests can wire the same
//! application in process with [`wiring`]; `main.rs` only calls [`cli::run`].
//!
//! To add a command, add it to [`cli`] and do its work in a file below; to add a key to the
//! configuration, see [`config`]; to add a use case, see [`wiring`].

pub mod cli;

pub mod config;

pub mod secrets;

pub mod wiring;

pub mod demo;

pub mod lifecycle;

pub mod telemetry;

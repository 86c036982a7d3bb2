//! The latchkey binary: configuration, wiring, lifecycle.
//!
//! This is the only crate where the adapters meet: [`wiring`] opens those that are configured, and
//! [`serve`] serves whatever was made of them, or of adapters of somebody else's own. `main.rs` only calls
//! [`cli::run`].
//!
//! To add a command, add it to [`cli`] and do its work in a file below; to add a key to the
//! configuration, see [`config`]; to add an adapter, see [`wiring`].

pub mod cli;

pub mod config;

pub mod secrets;

pub mod wiring;

pub mod serve;

pub mod demo;

pub mod lifecycle;

pub mod telemetry;

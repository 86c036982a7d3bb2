//! The latchkey binary: configuration, wiring, lifecycle.
//!
//! This is the only crate where the adapters meet. It is a library, so that tests can wire the same
//! application in process; `main.rs` only calls [`cli`].

pub mod config;
pub mod lifecycle;
pub mod telemetry;

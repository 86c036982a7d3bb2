//! End-to-end tests of the built latchkey binary.
//!
//! Everything here meets Latchkey the way its users do: as a process, over TCP, by the command line.
//! [`installation`] is one deployment (a database and its secrets), [`server`] a running process of it,
//! [`client`] speaks HTTP to it, [`holder`] holds a key, and [`ceremony`] performs
//! whole ceremonies. The tests are in `tests/`; those in JavaScript are one npm project in `node/`, which
//! [`node`] runs: the published TypeScript client, and pages in a real browser.
//!
//! To add a test, take the file whose name fits; to test with another client, add a folder beside `node/`
//! (or, in JavaScript, inside it) and a file in `tests/` that starts it.

pub mod binary;

pub mod installation;

pub mod server;

pub mod client;

pub mod holder;

pub mod ceremony;

pub mod wire;

pub mod node;

use std::{error::Error, fmt};

/// What a step of a test answers.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Why a step of a test failed, in words.
#[derive(Debug)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Failure {}

/// A failed step.
pub fn failure(words: impl Into<String>) -> Box<dyn Error + Send + Sync> {
    Box::new(Failure(words.into()))
}

#![doc = include_str!("../README.md")]
#![expect(
    clippy::missing_errors_doc,
    reason = "an error of any step here is a failed test, and says why"
)]

pub mod binary;
pub mod ceremony;
pub mod client;
pub mod holder;
pub mod installation;
pub mod narration;
pub mod node;
pub mod server;
pub mod trial;
pub mod wire;

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

#![doc = include_str!("../README.md")]
#![expect(
    clippy::missing_errors_doc,
    reason = "an error of any step here is a failed test, and says why"
)]

pub mod bench;
pub mod binary;
pub mod ceremony;
pub mod client;
pub mod holder;
pub mod installation;
pub mod narration;
pub mod node;
pub mod people;
mod process;
pub mod server;
pub mod trial;
pub mod wire;

use std::{error::Error, fmt};

/// What a step of a test answers.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Why a step of a test failed, in words.
#[derive(Debug)]
pub struct Failure {
    words: String,
    /// Of the answer that was not the expected one, if it was that.
    status: Option<u16>,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words)
    }
}

impl Error for Failure {}

/// A failed step.
pub fn failure(words: impl Into<String>) -> Box<dyn Error + Send + Sync> {
    Box::new(Failure {
        words: words.into(),
        status: None,
    })
}

/// A step that failed by an answer of that status.
pub(crate) fn answered(status: u16, words: String) -> Box<dyn Error + Send + Sync> {
    Box::new(Failure {
        words,
        status: Some(status),
    })
}

/// Whether a step failed by an answer, and not for want of one.
pub fn is_answer(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|failure| failure.status.is_some())
}

/// Whether a step failed because the service said that it cannot do it for now (503).
pub fn is_unavailable(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|failure| failure.status == Some(503))
}

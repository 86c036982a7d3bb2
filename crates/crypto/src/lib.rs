#![doc = include_str!("../README.md")]

pub mod proofs;

mod client_data;
mod key;
mod passkey;

pub mod tokens;

pub mod code_digest;

pub mod sealer;

pub mod secrets;

pub mod clock;
pub mod entropy;

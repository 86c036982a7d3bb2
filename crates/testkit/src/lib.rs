#![doc = include_str!("../README.md")]

pub mod authenticator;
pub mod clock;
pub mod database;
pub mod entropy;
pub mod organization;

#![doc = include_str!("../README.md")]

pub mod database;
pub mod postgres;

pub mod authenticator;
pub mod clock;
pub mod entropy;

#![doc = include_str!("../README.md")]

pub mod authenticator;
pub mod clock;
pub mod database;
pub mod entropy;
pub mod mail_server;
pub mod organization;
pub mod places;
pub mod plans;
pub mod proxy;

#![doc = include_str!("../README.md")]

pub mod backup;
pub mod connect;
pub mod facts;
pub mod private;
pub mod store;
pub mod watch;

mod account_store;
mod administration_store;
mod credential_store;
mod directory_store;
mod housekeeping_store;
mod recovery_store;
mod registration_store;
mod session_store;
mod sign_in_store;
mod user_store;

mod administrators;
mod authority;
mod connection;
mod ending;
mod failure;
mod file;
mod transaction;
mod trust;

mod table;

mod column;
mod statement;

#![doc = include_str!("../README.md")]

pub mod ports;

mod flight;

pub mod live;

pub mod directory;

pub mod ceremony;

pub mod network;

pub mod throttle;

pub mod events;

pub mod factors;

pub mod messages;
mod mishaps;

pub mod first_credentials;

pub mod registration;

pub mod recovery;

pub mod login;

pub mod mailed_codes;

pub mod sessions;

pub mod session_codes;

pub mod user_actions;

pub mod credentials;

pub mod credential_codes;

pub mod code_requests;

pub mod approvals;

mod account_codes;

pub mod users;

pub mod administration;

pub mod housekeeping;

pub mod outbox;

pub mod readiness;

pub mod use_cases;

mod refusal;

mod work;

#[cfg(test)]
mod testing;

#![doc = include_str!("../README.md")]

pub mod time;

pub mod text;

pub mod id;

pub mod page;

pub mod host;

pub mod organization;

pub mod application;

pub mod user;

pub mod credential;

pub mod challenge;

pub mod user_action;

pub mod credential_code;

pub mod code_request;

pub mod approval;

pub mod account_code;

pub mod session;

pub mod session_code;

pub mod message;

pub mod authority;

pub mod policy;

mod base36;
mod names;
#[cfg(test)]
mod samples;

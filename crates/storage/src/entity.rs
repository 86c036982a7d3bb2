//! One module per table: its columns and what it refers to, nothing else.

#![expect(
    unreachable_pub,
    reason = "the derive makes public items, and they must be as visible as what it makes"
)]

pub(crate) mod account_code;
pub(crate) mod application;
pub(crate) mod application_origin;
pub(crate) mod credential;
pub(crate) mod credential_code;
pub(crate) mod installation;
pub(crate) mod message;
pub(crate) mod organization;
pub(crate) mod spent;
pub(crate) mod user;
pub(crate) mod user_action;

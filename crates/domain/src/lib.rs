//! Domain types of Latchkey: to hold a value is to know that it is valid.
//!
//! Nothing here performs I/O, waits, reads a clock or draws randomness: functions that need the time
//! take `now`, functions that need randomness take the random bytes. So every rule of the product can
//! be tested with plain values, and the same input always gives the same answer.
//!
//! The modules are listed from the general to the particular:
//!
//! * [`time`], [`text`], [`id`], [`page`]: the values everything else is made of;
//! * [`organization`], [`application`], [`user`], [`credential`]: what is kept;
//! * [`challenge`], [`user_action`], [`credential_code`], [`approval`], [`session`], [`authority`]: how a change is
//!   allowed;
//! * [`message`]: what a user is told of it;
//! * [`policy`]: every limit and lifetime in one value.
//!
//! To add a kind of thing that has an identifier, add a line to [`id`]; to add a ceremony, add a
//! variant to [`challenge::purpose::Purpose`] and follow the compiler.

pub mod time;

pub mod text;

pub mod id;

pub mod page;

pub mod organization;

pub mod application;

pub mod user;

pub mod credential;

pub mod challenge;

pub mod user_action;

pub mod credential_code;

pub mod approval;

pub mod account_code;

pub mod session;

pub mod message;

pub mod authority;

pub mod policy;

mod base36;
mod names;
#[cfg(test)]
mod samples;

//! Use cases of Latchkey and the ports they need.
//!
//! One file per family of use cases, in the order a user meets them; what several share comes first.
//! Nothing here knows SQL or HTTP: the world is reached through [`ports`], which storage and crypto
//! implement and tests mock (feature `mocks`). Whoever brings adapters puts them into
//! [`Ports`](ports::Ports) and gets all [`UseCases`](use_cases::UseCases) for them.
//!
//! To add a use case, write it beside its family, give it an error enum of its own, and let the port it
//! needs say as a contract what one atomic operation promises; a new family becomes a field of
//! `UseCases`, a new port one of `Ports`.

pub mod ports;

pub mod directory;

pub mod ceremony;

pub mod throttle;

pub mod factors;

pub mod messages;

pub mod first_credentials;

pub mod registration;

pub mod recovery;

pub mod login;

pub mod mailed_codes;

pub mod sessions;

pub mod user_actions;

pub mod credentials;

pub mod credential_codes;

pub mod approvals;

mod account_codes;

pub mod users;

pub mod administration;

pub mod housekeeping;

pub mod outbox;

pub mod use_cases;

mod work;

#[cfg(test)]
mod testing;

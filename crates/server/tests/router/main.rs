//! The router with real adapters: every promise about what a client sees, tried in process.
//!
//! Storage is SQLite in a temporary file (and PostgreSQL where two callers race), cryptography is the
//! real one, and time is a manual clock. [`support`] has one client type per kind of caller; every
//! answer that passes through it is checked for what all answers have in common: no 5xx, a request id,
//! JSON, the error body, and that the API description documents it.
//!
//! To add a case, put it into the module of its promise; to add a promise, add a module here.

#[cfg(test)]
mod support;

#[cfg(test)]
mod operations;

#[cfg(test)]
mod access;

#[cfg(test)]
mod registration;

#[cfg(test)]
mod login;

#[cfg(test)]
mod sessions;

#[cfg(test)]
mod credentials;

#[cfg(test)]
mod details;

#[cfg(test)]
mod approvals;

#[cfg(test)]
mod application;

#[cfg(test)]
mod accounts;

#[cfg(test)]
mod users;

#[cfg(test)]
mod code_oracle;

#[cfg(test)]
mod code_guessing;

#[cfg(test)]
mod code_flow;

#[cfg(test)]
mod bound_codes;

#[cfg(test)]
mod code_requests;

#[cfg(test)]
mod fresh_credentials;

#[cfg(test)]
mod mail;

#[cfg(test)]
mod recovery;

#[cfg(test)]
mod signed_in_at_once;

#[cfg(test)]
mod origins;

#[cfg(test)]
mod purposes;

#[cfg(test)]
mod tokens;

#[cfg(test)]
mod epochs;

#[cfg(test)]
mod races;

#[cfg(test)]
mod statements;

#[cfg(test)]
mod plans;

#[cfg(test)]
mod proofs;

#[cfg(test)]
mod signers;

#[cfg(test)]
mod published_clients;

#[cfg(test)]
mod native_clients;

#[cfg(test)]
mod native_files;

#[cfg(test)]
mod related_origins;

#[cfg(test)]
mod bad_input;

#[cfg(test)]
mod anything;

#[cfg(test)]
mod answers;

#[cfg(test)]
mod description;

#[cfg(test)]
mod replicas;

#[cfg(test)]
mod logs;

#[cfg(test)]
mod metrics;

#[cfg(test)]
mod failures;

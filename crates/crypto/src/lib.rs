//! Proofs, tokens and digests of Latchkey: everything that is mathematics.
//!
//! This crate implements the ports of the service that are pure computation: the same input gives the
//! same answer. Only [`clock`] and [`entropy`] look at the world, and they do nothing else.
//!
//! * [`proofs`] verifies what a client brings; within, `client_data` reads what it signed, `passkey`
//!   verifies WebAuthn ceremonies, `key` verifies signatures of plain key pairs;
//! * [`tokens`] signs what the service gives away and reads it back;
//! * [`code_digest`] digests codes, [`sealer`] seals what waits in the database;
//! * [`secrets`] holds what all of this needs to keep secret.
//!
//! # Libraries
//!
//! Signatures of key pairs, of tokens, HMAC and randomness are `aws-lc-rs`. Passkeys are verified by
//! two crates of one project:
//!
//! * `webauthn-rs-core` does the work. Its stateless core is built for each request from the
//!   application's row, takes our own challenge and our own choice of algorithms and residentKey;
//! * `webauthn-rs`, the public face of the same code, gives the data types that the core works on (keys,
//!   responses, states, errors). Its ready-made ceremonies are not used: they fix
//!   `residentKey` to "discouraged", choose the algorithms themselves, and want their states kept
//!   between the two calls of a ceremony.
//!
//! To accept another kind of public key, add a variant to the private `key::public_key::Family` and
//! follow the compiler. To put another fact into a token, add it to the claims in `tokens::claims`.

pub mod proofs;

mod client_data;
mod key;
mod passkey;

pub mod tokens;

pub mod code_digest;

pub mod sealer;

pub mod secrets;

pub mod clock;
pub mod entropy;

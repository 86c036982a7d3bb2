//! Ports: what the use cases need from the world, one trait per need.
//!
//! Every document of a method is a contract: what must hold, which conflicts there are, and what is
//! promised when several callers, on several replicas, come at once. One method is one atomic business
//! operation: it happens wholly or not at all.

pub mod clock;
pub mod code_digester;
pub mod entropy;
pub mod mailer;
pub mod proof_verifier;
pub mod sealer;
pub mod tokens;

pub mod store;

pub mod account_code_store;
pub mod account_store;
pub mod administration_store;
pub mod credential_code_store;
pub mod credential_store;
pub mod directory_store;
pub mod housekeeping_store;
pub mod installation_store;
pub mod message_store;
pub mod recovery_store;
pub mod registration_store;
pub mod session_store;
pub mod sign_in_store;
pub mod user_store;

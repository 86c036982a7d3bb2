//! Test support of Latchkey: throwaway databases, software authenticators, a manual clock.

pub mod database;
pub mod postgres;

pub mod authenticator;
pub mod clock;
pub mod entropy;

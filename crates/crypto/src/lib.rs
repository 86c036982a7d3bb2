#![doc = include_str!("../README.md")]

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

use std::sync::Arc;

use latchkey_domain::id::InstallationId;
use latchkey_service::ports::{
    Ports, Stores, installation_store::Installation, locator::Unlocated, mailer::Mailer,
    observer::Unobserved,
};

use self::{
    clock::SystemClock, code_digest::HmacCodeDigester, entropy::SystemEntropy, proofs::Proofs,
    sealer::AesGcmSealer, secrets::Secrets, tokens::SignedTokens,
};

/// An adapter behind every port: the stores and the mailer are given, the others are of this crate. Nobody hears
/// of events but the log, and nobody knows where an address is.
pub fn ports(
    secrets: &Secrets,
    installation: &InstallationId,
    stores: Stores,
    mailer: Arc<dyn Mailer>,
) -> Ports {
    let entropy = Arc::new(SystemEntropy);
    Ports {
        installation: Installation {
            id: installation.clone(),
            secrets_fingerprint: secrets.fingerprint(),
        },
        clock: Arc::new(SystemClock),
        tokens: Arc::new(SignedTokens::new(secrets, installation)),
        verifier: Arc::new(Proofs),
        digester: Arc::new(HmacCodeDigester::new(secrets)),
        sealer: Arc::new(AesGcmSealer::new(secrets, entropy.clone())),
        entropy,
        mailer,
        observer: Arc::new(Unobserved),
        locator: Arc::new(Unlocated),
        stores,
    }
}

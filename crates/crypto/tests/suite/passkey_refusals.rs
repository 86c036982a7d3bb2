//! Every way in which the proof of a passkey can be wrong.

mod assertion;
mod attestation;
mod client;

use latchkey_domain::credential::passkey::Passkey;
use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{asked::Asked, passkey::PasskeyClient};

use crate::support::{asked, expected, owner, register_passkey};

const ORIGIN: &str = "https://one.example";

fn asked_for_owner() -> Asked {
    Asked {
        challenge: asked(),
        user_id: Some(owner().to_string()),
        ..Asked::default()
    }
}

/// A device with its passkey, registered well.
fn registered() -> (PasskeyClient, Passkey) {
    let mut device = PasskeyClient::new(ORIGIN);
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    (device, passkey)
}

fn is_malformed<T>(result: &Result<T, ProofError>, member: &str) -> bool {
    matches!(result, Err(ProofError::Malformed { part, .. }) if *part == member)
}

//! Verification of proofs: the implementation of [`ProofVerifier`].

use latchkey_domain::credential::{Credential, Material, key::KeyPair};
use latchkey_service::ports::proof_verifier::{
    AssertionProof, AuthenticatorState, CreationProof, Expected, Offered, ProofError,
    ProofVerifier, RecoveryProof, Used,
};

use crate::{key, passkey};

/// Verifies proofs of all kinds of credentials. It has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proofs;

impl ProofVerifier for Proofs {
    fn verify_creation(
        &self,
        expected: &Expected,
        proof: &CreationProof,
    ) -> Result<Material, ProofError> {
        Ok(match &proof.offered {
            Offered::Fido2 => Material::Fido2(passkey::creation::verify(expected, proof)?),
            Offered::Key => Material::Key(key_pair(expected, proof)?),
            Offered::PasswordProtectedKey(encrypted) => {
                Material::PasswordProtectedKey(key_pair(expected, proof)?, encrypted.clone())
            }
            Offered::RecoveryKey(encrypted) => {
                Material::RecoveryKey(key_pair(expected, proof)?, encrypted.clone())
            }
        })
    }

    fn verify_assertion(
        &self,
        expected: &Expected,
        credential: &Credential,
        proof: &AssertionProof,
    ) -> Result<Option<AuthenticatorState>, ProofError> {
        refuse_oversized(proof)?;
        match (&credential.material, &proof.used) {
            (
                Material::Fido2(passkey),
                Used::Fido2 {
                    authenticator_data,
                    user_handle,
                },
            ) => {
                passkey::assertion::refuse_other_user(user_handle.as_deref(), &credential.user)?;
                let assertion = passkey::assertion::Assertion {
                    client_data: &proof.client_data,
                    authenticator_data,
                    signature: &proof.signature,
                };
                passkey::assertion::verify(expected, passkey, &assertion).map(Some)
            }
            (Material::Key(pair), Used::Key { algorithm })
            | (Material::PasswordProtectedKey(pair, _), Used::PasswordProtectedKey { algorithm }) =>
            {
                key::verify_assertion(&expected.challenge, pair, proof, algorithm.as_deref())?;
                Ok(None)
            }
            (
                Material::Fido2(_)
                | Material::Key(_)
                | Material::PasswordProtectedKey(..)
                | Material::RecoveryKey(..),
                Used::Fido2 { .. } | Used::Key { .. } | Used::PasswordProtectedKey { .. },
            ) => Err(ProofError::Mismatch),
        }
    }

    fn confirm_recovery(
        &self,
        credential: &Credential,
        new_credentials: &str,
        proof: &RecoveryProof,
    ) -> Result<(), ProofError> {
        match &credential.material {
            Material::RecoveryKey(pair, _) => key::verify_recovery(pair, new_credentials, proof),
            Material::Fido2(_) | Material::Key(_) | Material::PasswordProtectedKey(..) => {
                Err(ProofError::Mismatch)
            }
        }
    }
}

/// The most bytes that any part of an assertion can have. The parts are kept as evidence, so what a
/// client may add to them without effect has a bound.
const PART_MAXIMUM: usize = 8 * 1024;

fn refuse_oversized(proof: &AssertionProof) -> Result<(), ProofError> {
    let authenticator_data = match &proof.used {
        Used::Fido2 {
            authenticator_data, ..
        } => authenticator_data.as_slice(),
        Used::Key { .. } | Used::PasswordProtectedKey { .. } => &[],
    };
    for (part, bytes) in [
        ("clientData", proof.client_data.as_slice()),
        ("authenticatorData", authenticator_data),
        ("signature", &proof.signature),
    ] {
        if bytes.len() > PART_MAXIMUM {
            let problem = "must have at most 8192 bytes";
            return Err(ProofError::Malformed { part, problem });
        }
    }
    Ok(())
}

fn key_pair(expected: &Expected, proof: &CreationProof) -> Result<KeyPair, ProofError> {
    key::verify_creation(
        &expected.challenge,
        &proof.client_data,
        &proof.attestation_data,
    )
}

//! Verification of proofs: the implementation of [`ProofVerifier`].

use latchkey_domain::credential::{
    Credential, CredentialKind, Material,
    key::{KeyPair, PublicKey},
    signer::{Signer, SignerKey},
};
use latchkey_service::ports::proof_verifier::{
    AssertionProof, AuthenticatorState, CreationProof, Expected, Offered, ProofError,
    ProofVerifier, RecoveryProof, Used,
};

use crate::{
    key::{self, digest::DigestName, public_key::VerifyingKey},
    passkey,
};

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
            Offered::Fido2(transports) => {
                Material::Fido2(passkey::creation::verify(expected, proof, transports)?)
            }
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
        signer: &Signer,
        proof: &AssertionProof,
    ) -> Result<Option<AuthenticatorState>, ProofError> {
        refuse_oversized(proof)?;
        match (&signer.key, &proof.used) {
            (
                SignerKey::Fido2(passkey),
                Used::Fido2 {
                    authenticator_data,
                    user_handle,
                },
            ) => {
                let assertion = passkey::assertion::Assertion {
                    client_data: &proof.client_data,
                    authenticator_data,
                    signature: &proof.signature,
                };
                let state = passkey::assertion::verify(expected, passkey, &assertion)?;
                passkey::assertion::refuse_other_user(user_handle.as_deref(), &signer.user)?;
                Ok(Some(state))
            }
            (SignerKey::Key(public_key), Used::Key { algorithm })
            | (
                SignerKey::PasswordProtectedKey(public_key),
                Used::PasswordProtectedKey { algorithm },
            ) => {
                let challenge = &expected.challenge;
                key::verify_assertion(challenge, public_key, proof, algorithm.as_deref())?;
                Ok(None)
            }
            (
                SignerKey::Fido2(_) | SignerKey::Key(_) | SignerKey::PasswordProtectedKey(_),
                Used::Fido2 { .. } | Used::Key { .. } | Used::PasswordProtectedKey { .. },
            ) => Err(ProofError::Mismatch),
        }
    }

    fn verify_for_nobody(&self, expected: &Expected, proof: &AssertionProof) -> ProofError {
        let verified = refuse_oversized(proof).and_then(|()| match &proof.used {
            Used::Fido2 {
                authenticator_data, ..
            } => {
                let assertion = passkey::assertion::Assertion {
                    client_data: &proof.client_data,
                    authenticator_data,
                    signature: &proof.signature,
                };
                passkey::assertion::verify_signature(expected, &nobodys_key(), &assertion)
                    .map(|_nobody| ())
            }
            Used::Key { algorithm } | Used::PasswordProtectedKey { algorithm } => {
                let challenge = &expected.challenge;
                key::verify_assertion(challenge, &nobodys_key(), proof, algorithm.as_deref())
            }
        });
        // The private half is known to everybody: what is signed with it is not true either.
        verified.err().unwrap_or(ProofError::Signature)
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

/// Evidence of a signed user action, as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct KeptEvidence<'a> {
    /// The kind of credential that signed.
    pub kind: CredentialKind,
    /// The key that signed.
    pub public_key: &'a PublicKey,
    /// The digest that the client named.
    pub algorithm: Option<&'a str>,
    /// What the client signed, byte for byte.
    pub client_data: &'a [u8],
    /// What the authenticator signed beside it, of a passkey.
    pub authenticator_data: Option<&'a [u8]>,
    /// The signature.
    pub signature: &'a [u8],
}

impl KeptEvidence<'_> {
    /// Verifies the signature. What was signed is not looked at: that was done before it was kept.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self) -> Result<(), ProofError> {
        let key = verifying(self.kind, self.public_key)?;
        match (self.kind, self.authenticator_data) {
            (CredentialKind::Fido2, Some(authenticator_data)) => {
                let signed = passkey::assertion::signed(authenticator_data, self.client_data);
                key.verify(DigestName::Sha256, &signed, self.signature)
            }
            (CredentialKind::Fido2, None) => Err(ProofError::Mismatch),
            (
                CredentialKind::Key
                | CredentialKind::PasswordProtectedKey
                | CredentialKind::RecoveryKey,
                _,
            ) => {
                let digest = DigestName::parse(self.algorithm, "algorithm")?;
                key.verify(digest, self.client_data, self.signature)
            }
        }
    }
}

/// Requires that a public key that is kept for a credential of that kind can be used to verify.
///
/// # Errors
/// [`ProofError::UnsupportedKey`] or [`ProofError::Malformed`].
pub fn check_kept_key(kind: CredentialKind, public_key: &PublicKey) -> Result<(), ProofError> {
    let usable = verifying(kind, public_key)?.offered();
    usable.map(|_key| ())
}

fn verifying(kind: CredentialKind, public_key: &PublicKey) -> Result<VerifyingKey, ProofError> {
    match kind {
        CredentialKind::Fido2 => passkey::public_key::verifying(public_key),
        CredentialKind::Key
        | CredentialKind::PasswordProtectedKey
        | CredentialKind::RecoveryKey => VerifyingKey::kept(public_key),
    }
}

/// A public key that belongs to nobody: the base point of P-256 (FIPS 186-4 D.1.2.3), whose private half is 1.
const NOBODYS_KEY: [u8; 91] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1,
    0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
    0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
    0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

fn nobodys_key() -> PublicKey {
    PublicKey::from_spki_der(NOBODYS_KEY.to_vec())
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

#[cfg(test)]
mod tests {
    use latchkey_domain::{challenge::ChallengeText, credential::CredentialReference};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kept_key_is_of_its_kind_or_it_is_refused() {
        let kinds = [
            CredentialKind::Fido2,
            CredentialKind::Key,
            CredentialKind::PasswordProtectedKey,
            CredentialKind::RecoveryKey,
        ];
        let none = PublicKey::from_spki_der(vec![1; 32]);
        let mut bytes = NOBODYS_KEY;
        bytes[90] ^= 1;
        let beside_the_curve = PublicKey::from_spki_der(bytes.to_vec());
        for kind in kinds {
            assert!(check_kept_key(kind, &nobodys_key()).is_ok());
            assert!(check_kept_key(kind, &none).is_err());
            assert!(check_kept_key(kind, &beside_the_curve).is_err());
        }
    }

    #[test]
    fn evidence_without_a_signature_of_the_key_does_not_hold() {
        let key = nobodys_key();
        let evidence = KeptEvidence {
            kind: CredentialKind::Key,
            public_key: &key,
            algorithm: Some("SHA512"),
            client_data: b"{}",
            authenticator_data: None,
            signature: &[1, 2, 3],
        };
        assert_eq!(evidence.verify(), Err(ProofError::Signature));
        let passkey = KeptEvidence {
            kind: CredentialKind::Fido2,
            ..evidence
        };
        assert_eq!(passkey.verify(), Err(ProofError::Mismatch));
        let passkey = KeptEvidence {
            authenticator_data: Some(&[0; 37]),
            ..passkey
        };
        assert_eq!(passkey.verify(), Err(ProofError::Signature));
    }

    #[test]
    fn nobodys_key_verifies_nothing_and_is_looked_at_like_any_other() {
        let challenge = ChallengeText::from_random(&[7; 32]);
        let expected = Expected {
            challenge: challenge.clone(),
            applications: Vec::new(),
        };
        let proof = |kind: &str, challenge: &str, used| AssertionProof {
            credential: CredentialReference::parse("AQID").unwrap(),
            client_data: json!({ "type": kind, "challenge": challenge })
                .to_string()
                .into_bytes(),
            signature: vec![1, 2, 3],
            used,
        };
        let key = || Used::Key { algorithm: None };
        let with_a_digest = Used::Key {
            algorithm: Some("SHA512".to_owned()),
        };
        let passkey = || Used::Fido2 {
            authenticator_data: vec![0; 37],
            user_handle: None,
        };
        let right = challenge.as_str();
        for (proof, error) in [
            (proof("key.get", right, key()), ProofError::Signature),
            (
                proof("key.get", right, with_a_digest),
                ProofError::Signature,
            ),
            (proof("key.get", "other", key()), ProofError::Challenge),
            (proof("key.create", right, key()), ProofError::Type),
            (proof("webauthn.get", right, passkey()), ProofError::Origin),
            (
                proof("webauthn.get", "other", passkey()),
                ProofError::Challenge,
            ),
        ] {
            assert_eq!(Proofs.verify_for_nobody(&expected, &proof), error);
        }
    }
}

//! Public keys of passkeys: COSE where the library reads them, SubjectPublicKeyInfo everywhere else.
//!
//! Two algorithms are offered: ES256 over P-256 and RS256 with 2048 bits. The library knows more, but
//! cannot verify all of them.

use latchkey_domain::credential::key::PublicKey;
use latchkey_service::ports::proof_verifier::ProofError;
use webauthn_rs::prelude::{COSEAlgorithm, COSEKey, COSEKeyType, ECDSACurve};

use crate::key::public_key::{Family, VerifyingKey};

/// The algorithms that are offered to authenticators.
pub(super) fn offered() -> Vec<COSEAlgorithm> {
    vec![COSEAlgorithm::ES256, COSEAlgorithm::RS256]
}

/// The key as the domain keeps it.
pub(super) fn to_domain(cose: &COSEKey) -> Result<PublicKey, ProofError> {
    let key = match (&cose.key, cose.type_) {
        (COSEKeyType::EC_EC2(point), COSEAlgorithm::ES256)
            if point.curve == ECDSACurve::SECP256R1 =>
        {
            VerifyingKey::p256(&point.x, &point.y)?
        }
        (COSEKeyType::RSA(rsa), COSEAlgorithm::RS256) => VerifyingKey::rsa(&rsa.n, &rsa.e)?,
        (COSEKeyType::EC_EC2(_) | COSEKeyType::RSA(_) | COSEKeyType::EC_OKP(_), _) => {
            return Err(ProofError::UnsupportedKey);
        }
    };
    key.public_key()
}

/// The kept key as what it verifies with: it is of one of the offered algorithms.
pub(crate) fn verifying(key: &PublicKey) -> Result<VerifyingKey, ProofError> {
    let key = VerifyingKey::kept(key)?;
    match key.family() {
        Family::P256 | Family::Rsa => Ok(key),
        Family::P384 | Family::P521 | Family::Secp256k1 | Family::Ed25519 => {
            Err(ProofError::UnsupportedKey)
        }
    }
}

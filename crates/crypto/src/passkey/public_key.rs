//! Public keys of passkeys: COSE for the library, SubjectPublicKeyInfo for everybody else.
//!
//! Two algorithms are offered: ES256 over P-256 and RS256 with 2048 bits. The library knows more, but
//! cannot verify all of them.

use latchkey_domain::credential::key::PublicKey;
use latchkey_service::ports::proof_verifier::ProofError;
use webauthn_rs::prelude::{
    COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSERSAKey, ECDSACurve,
};

use crate::key::public_key::VerifyingKey;

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
    Ok(key.public_key())
}

/// The key as the library wants it.
pub(super) fn to_cose(key: &PublicKey) -> Result<COSEKey, ProofError> {
    let key = VerifyingKey::from_spki(key.spki_der())?;
    if let Some((x, y)) = key.p256_coordinates() {
        return Ok(COSEKey {
            type_: COSEAlgorithm::ES256,
            key: COSEKeyType::EC_EC2(COSEEC2Key {
                curve: ECDSACurve::SECP256R1,
                x: x.to_vec(),
                y: y.to_vec(),
            }),
        });
    }
    let (modulus, exponent) = key.rsa_components().ok_or(ProofError::UnsupportedKey)?;
    // The library wants three bytes; DER has dropped those that are zero at the beginning.
    let padding = 3_usize
        .checked_sub(exponent.len())
        .ok_or(ProofError::UnsupportedKey)?;
    let exponent = [vec![0; padding].as_slice(), exponent].concat();
    Ok(COSEKey {
        type_: COSEAlgorithm::RS256,
        key: COSEKeyType::RSA(COSERSAKey {
            n: modulus.to_vec(),
            e: exponent
                .try_into()
                .map_err(|_not_three_bytes| ProofError::UnsupportedKey)?,
        }),
    })
}

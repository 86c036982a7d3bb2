//! Keys that sign tokens: ECDSA over P-256 (`ES256`, RFC 7518 §3.4).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::time::Timestamp;
use latchkey_service::ports::entropy::Entropy;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A key that signs tokens.
pub(crate) struct SigningKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: EcdsaKeyPair,
    created: Timestamp,
    x: String,
    y: String,
    kid: String,
}

/// How often random bytes that are no private key may come in a row: one in 2^32 is none.
const ATTEMPTS: usize = 4;

impl SigningKey {
    /// A new key; nothing if the random bytes are not random.
    pub(super) fn generate(entropy: &dyn Entropy, now: Timestamp) -> Option<Self> {
        (0..ATTEMPTS)
            .filter_map(|_| pkcs8_of(&Zeroizing::new(entropy.draw())))
            .find_map(|pkcs8| Self::from_pkcs8(pkcs8, now))
    }

    /// Reads a private key (RFC 5958).
    pub(super) fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>, created: Timestamp) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok()?;
        // The public key is an uncompressed point: 4, x, y.
        let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        Some(Self {
            kid: thumbprint(&x, &y),
            pkcs8,
            pair,
            created,
            x,
            y,
        })
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// What signs and whose public half verifies.
    pub(crate) fn pair(&self) -> &EcdsaKeyPair {
        &self.pair
    }

    /// When it was made.
    pub(crate) fn created(&self) -> Timestamp {
        self.created
    }

    /// The first coordinate of the public key, in base64url.
    pub(crate) fn x(&self) -> &str {
        &self.x
    }

    /// The second coordinate of the public key, in base64url.
    pub(crate) fn y(&self) -> &str {
        &self.y
    }

    /// What tokens name it by.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }
}

/// The thumbprint of a JSON Web Key (RFC 7638 §3).
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64URL_NOPAD.encode(&Sha256::digest(canonical))
}

/// The DER of an ECPrivateKey (RFC 5915) with that scalar, up to the scalar and after it.
const EC_PRIVATE_KEY: [&[u8]; 2] = [
    &[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20],
    &[
        0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ],
];

/// The key with that scalar in PKCS#8, if the scalar is in range (SEC 1 §3.2.1).
fn pkcs8_of(scalar: &[u8; 32]) -> Option<Zeroizing<Vec<u8>>> {
    let [head, tail] = EC_PRIVATE_KEY;
    let der = Zeroizing::new([head, scalar, tail].concat());
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()?;
    let document = pair.to_pkcs8v1().ok()?;
    Some(Zeroizing::new(document.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kid_is_the_thumbprint_of_the_public_key() {
        // The P-256 key of RFC 7515 §A.3 and its thumbprint as computed by other software.
        let thumbprint = thumbprint(
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        );
        assert_eq!(thumbprint, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    }

    #[test]
    fn the_public_key_is_that_of_the_scalar() {
        let pkcs8 = pkcs8_of(&[1; 32]).unwrap();
        let key = SigningKey::from_pkcs8(pkcs8, Timestamp::from_unix_milliseconds(0)).unwrap();
        let (x, y) = (key.x(), key.y());
        assert_eq!(x, "b_A7lJJBzh2t1DUZ5pYOCoW0GmmgXDKBA6orzhWUyhY");
        assert_eq!(y, "PE91OlW_AdxT9sCwx-7ni0DG_30lqW4igrmJzvccFEo");
    }

    #[test]
    fn scalars_out_of_range_are_refused() {
        assert!(pkcs8_of(&[0; 32]).is_none());
        assert!(pkcs8_of(&[0xff; 32]).is_none());
    }
}

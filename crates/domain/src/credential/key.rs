//! Key pairs and public keys.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A public key as the DER of its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Whoever makes one has
/// checked that the key is of a supported kind and strength.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    spki_der: Vec<u8>,
}

impl PublicKey {
    /// The key with that SubjectPublicKeyInfo.
    pub const fn from_spki_der(spki_der: Vec<u8>) -> Self {
        Self { spki_der }
    }

    /// Its SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// `SHA256:` and the unpadded base64 of SHA-256 over the SubjectPublicKeyInfo: `publicKey` of a
    /// credential in the API (API contract §0).
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            BASE64_NOPAD.encode(&Sha256::digest(&self.spki_der))
        )
    }

    /// The key as PEM, with lines of 64 characters (RFC 7468 §13).
    pub fn pem(&self) -> String {
        let base64 = BASE64.encode(&self.spki_der);
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, remainder) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = remainder;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.fingerprint())
    }
}

/// A key pair of a client, of which this service knows the public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The public half.
    pub public_key: PublicKey,
    /// The `origin` that the client data named when the pair was registered, if any: recorded, not
    /// checked.
    pub origin: Option<String>,
}

/// A private key that the client encrypted before it gave it away. It is kept and returned as it is,
/// and never shown in a log.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EncryptedPrivateKey(String);

/// Why a text is not taken as an encrypted private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptedPrivateKeyError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More than [`EncryptedPrivateKey::MAXIMUM`] bytes.
    #[error("must have at most 16384 bytes")]
    TooLong,
    /// NUL cannot be stored in every database.
    #[error("must not contain NUL characters")]
    Nul,
}

impl EncryptedPrivateKey {
    /// The most bytes it can have.
    pub const MAXIMUM: usize = 16 * 1024;

    /// Accepts an opaque text.
    ///
    /// # Errors
    /// [`EncryptedPrivateKeyError`] says what to change.
    pub fn new(text: impl Into<String>) -> Result<Self, EncryptedPrivateKeyError> {
        let text = text.into();
        if text.is_empty() {
            Err(EncryptedPrivateKeyError::Empty)
        } else if text.len() > Self::MAXIMUM {
            Err(EncryptedPrivateKeyError::TooLong)
        } else if text.contains('\0') {
            Err(EncryptedPrivateKeyError::Nul)
        } else {
            Ok(Self(text))
        }
    }

    /// The text, for those who may have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EncryptedPrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncryptedPrivateKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_lines_have_64_characters() {
        for length in [0, 48, 49, 91] {
            let key = PublicKey::from_spki_der(vec![7; length]);
            let pem = key.pem();
            let base64 = pem.strip_prefix("-----BEGIN PUBLIC KEY-----\n");
            let base64 = base64.and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----\n"));
            let lines: Vec<_> = base64.unwrap().lines().collect();
            let last = lines.last().map_or(0, |line| line.len());
            assert!(lines.iter().rev().skip(1).all(|line| line.len() == 64) && last <= 64);
            assert_eq!(
                BASE64.decode(lines.concat().as_bytes()).unwrap(),
                key.spki_der()
            );
        }
    }

    #[test]
    fn the_fingerprint_is_unpadded_base64() {
        let key = PublicKey::from_spki_der(vec![]);
        let fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(key.fingerprint(), fingerprint);
        assert_eq!(format!("{key:?}"), format!("PublicKey({fingerprint})"));
    }

    #[test]
    fn an_encrypted_private_key_never_shows_itself() {
        let key = EncryptedPrivateKey::new("secret").unwrap();
        assert_eq!(format!("{key:?}"), "EncryptedPrivateKey(…)");
        assert_eq!(key.reveal(), "secret");
    }

    #[test]
    fn encrypted_private_keys_have_bounds() {
        assert_eq!(
            EncryptedPrivateKey::new(""),
            Err(EncryptedPrivateKeyError::Empty)
        );
        assert!(EncryptedPrivateKey::new("a".repeat(16_384)).is_ok());
        assert_eq!(
            EncryptedPrivateKey::new("a".repeat(16_385)),
            Err(EncryptedPrivateKeyError::TooLong)
        );
        assert_eq!(
            EncryptedPrivateKey::new("a\0"),
            Err(EncryptedPrivateKeyError::Nul)
        );
    }
}

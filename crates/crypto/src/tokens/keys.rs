//! The keys of tokens, and the head by which a token says its type and its key.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
    signature::{ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair as _, ParsedPublicKey, Signature},
};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use crate::secrets::{Secrets, SigningKey};

/// Tells the key of what we alone read apart from others that may be derived.
const PURPOSE: &[u8] = b"latchkey tokens of our own";

/// What tokens name that key by.
const OWN_KID: &str = "own";

/// The head of a token (RFC 7515 §4.1), encoded. No part of it needs an escape.
fn head(typ: &str, algorithm: &str, kid: &str) -> String {
    let json = format!(r#"{{"typ":"{typ}","alg":"{algorithm}","kid":"{kid}"}}"#);
    BASE64URL_NOPAD.encode(json.as_bytes())
}

/// The key that signs what others read: ES256 (RFC 7518 §3.4).
pub(super) struct EcdsaKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl EcdsaKey {
    pub(super) fn new(key: &SigningKey) -> Self {
        Self {
            pair: key.pair().clone(),
            kid: key.kid().to_owned(),
        }
    }

    /// The head of a token of that type.
    pub(super) fn head(&self, kind: &str) -> String {
        head(kind, "ES256", &self.kid)
    }

    /// Signs; nothing fails here but memory.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Signature> {
        self.pair.sign_digest(&digest(&SHA256, message)).ok()
    }
}

/// A key that tokens in circulation are signed with.
pub(super) struct PublishedKey {
    key: ParsedPublicKey,
    jwk: Jwk,
}

/// A JSON Web Key (RFC 7517 §4, RFC 7518 §6.2.1).
#[derive(Serialize)]
pub(super) struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    kid: String,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

impl PublishedKey {
    /// The public half; it was read by the same library when the secrets were.
    pub(super) fn of(key: &SigningKey) -> Option<Self> {
        Some(Self {
            key: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair().public_key()).ok()?,
            jwk: Jwk {
                kty: "EC",
                crv: "P-256",
                x: key.x().to_owned(),
                y: key.y().to_owned(),
                kid: key.kid().to_owned(),
                alg: "ES256",
                usage: "sig",
            },
        })
    }

    /// How it is published.
    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The head of a token of that type.
    pub(super) fn head(&self, kind: &str) -> String {
        head(kind, self.jwk.alg, &self.jwk.kid)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// The key of what we alone read: HS256 (RFC 7518 §3.2), derived for that from the installation secret.
pub(super) struct OwnKey(hmac::Key);

impl OwnKey {
    /// One block is asked for, so there is nothing that can fail but memory.
    pub(super) fn new(secrets: &Secrets) -> Option<Self> {
        secrets
            .derivation()
            .expand(&[PURPOSE], hmac::HMAC_SHA256)
            .ok()
            .map(|material| Self(material.into()))
    }

    /// The head of a token of that type.
    pub(super) fn head(kind: &str) -> String {
        head(kind, "HS256", OWN_KID)
    }

    pub(super) fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, message)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.0, message, signature).is_ok()
    }
}

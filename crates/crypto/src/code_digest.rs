//! Keyed digests of codes.

use aws_lc_rs::hmac;
use latchkey_domain::credential_code::{CodeDigest, CodeText};
use latchkey_service::ports::code_digester::CodeDigester;

use crate::secrets::Secrets;

/// Digests codes with HMAC-SHA-256 (RFC 2104) under the code-digest key.
pub struct HmacCodeDigester {
    key: hmac::Key,
}

impl HmacCodeDigester {
    /// A digester that works with the code-digest key of these secrets.
    pub fn new(secrets: &Secrets) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secrets.code_digest_key()),
        }
    }
}

impl CodeDigester for HmacCodeDigester {
    fn digest(&self, code: &CodeText) -> CodeDigest {
        let tag = hmac::sign(&self.key, code.reveal().as_bytes());
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        CodeDigest::new(digest)
    }
}

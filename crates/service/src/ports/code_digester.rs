//! Digests of codes.

use latchkey_domain::credential_code::{CodeDigest, CodeText};

/// Digests codes under a server secret, so that the database alone does not tell them: a short code has
/// 45 bits, too few for a bare hash.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CodeDigester: Send + Sync {
    /// HMAC-SHA-256 of the code's text. Equal codes have equal digests on every replica.
    fn digest(&self, code: &CodeText) -> CodeDigest;
}

//! What this installation alone reads, and nobody else is to look into: it travels where it may be kept, in
//! addresses, or says what whoever has it is not to know.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
};
use data_encoding::BASE64URL_NOPAD;

use crate::secrets::Secrets;

/// What is sealed has a multiple of so many bytes: what a stranger has made has less, with the longest epoch too.
const BLOCK: usize = 256;

/// Seals with AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA-256 (RFC 5869) derives from the
/// installation secret, for one purpose.
pub(super) struct SealingKey(LessSafeKey);

impl SealingKey {
    /// The key of session codes.
    pub(super) fn of_session_codes(secrets: &Secrets) -> Option<Self> {
        Self::new(secrets, b"latchkey session codes")
    }

    /// The key of what challenges are for. Anybody may have those made, as many as they like, so that nothing may
    /// rest on it but that they are not read.
    pub(super) fn of_challenges(secrets: &Secrets) -> Option<Self> {
        Self::new(secrets, b"latchkey challenge purposes")
    }

    /// One block is asked for, so there is nothing that can fail but memory.
    fn new(secrets: &Secrets, purpose: &[u8]) -> Option<Self> {
        secrets
            .derivation()
            .expand(&[purpose], &AES_256_GCM)
            .ok()
            .map(|material| Self(LessSafeKey::new(UnboundKey::from(material))))
    }

    /// Seals JSON as a text of that type, with blanks behind it, so that its length does not tell what is in it.
    /// `unique` is a random identifier with which nothing else is sealed; the nonce is made of it, so that two are as
    /// unlikely to be the same as two that are drawn (§8.2.2).
    pub(super) fn seal(&self, kind: &str, unique: &str, json: &[u8]) -> Option<String> {
        let digest = digest(&SHA256, unique.as_bytes());
        let (nonce, _) = digest.as_ref().split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = json.to_vec();
        sealed.resize(json.len().next_multiple_of(BLOCK), b' ');
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(kind),
                &mut sealed,
            )
            .ok()?;
        let whole = [nonce.as_slice(), sealed.as_slice(), tag.as_ref()].concat();
        Some(BASE64URL_NOPAD.encode(&whole))
    }

    /// The text that was sealed as one of that type; nothing when anything is different.
    pub(super) fn open(&self, kind: &str, sealed: &str) -> Option<Vec<u8>> {
        let whole = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let (nonce, sealed) = whole.split_first_chunk::<NONCE_LEN>()?;
        let mut text = sealed.to_vec();
        let length = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(kind),
                &mut text,
            )
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

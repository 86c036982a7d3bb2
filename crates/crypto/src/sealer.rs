//! Sealed texts: what the database holds but must not tell.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use latchkey_domain::{id::MessageId, message::SealedText};
use latchkey_service::ports::{
    entropy::Entropy,
    sealer::{NotSealed, Sealer},
};
use zeroize::Zeroizing;

use crate::secrets::Secrets;

/// Tells this key apart from others that may be derived from the installation secret.
const PURPOSE: &[u8] = b"latchkey sealed messages";

/// Seals with AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA-256 (RFC 5869) derives from the
/// installation secret. A sealed text is a random nonce and then the ciphertext with its tag; the
/// message's id is authenticated with it. Random nonces are safe for 2^32 messages (§8.3).
pub struct AesGcmSealer {
    key: Option<LessSafeKey>,
    entropy: Arc<dyn Entropy>,
}

impl AesGcmSealer {
    /// A sealer of this installation.
    pub fn new(secrets: &Secrets, entropy: Arc<dyn Entropy>) -> Self {
        // One block is asked for, so there is nothing that can fail but memory. Should it, nothing is
        // sealed: what cannot be sealed is lost, not shown.
        let key = secrets
            .derivation()
            .expand(&[PURPOSE], &AES_256_GCM)
            .ok()
            .map(|material| LessSafeKey::new(UnboundKey::from(material)));
        Self { key, entropy }
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(self.entropy.draw()) {
            *to = from;
        }
        nonce
    }
}

impl Sealer for AesGcmSealer {
    fn seal(&self, message: &MessageId, text: &[u8]) -> SealedText {
        let nonce = self.nonce();
        let mut sealed = Zeroizing::new(text.to_vec());
        let tag = self.key.as_ref().and_then(|key| {
            key.seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(message.as_str()),
                &mut sealed,
            )
            .ok()
        });
        SealedText::new(match tag {
            Some(tag) => [nonce.as_slice(), sealed.as_slice(), tag.as_ref()].concat(),
            None => vec![],
        })
    }

    fn open(
        &self,
        message: &MessageId,
        sealed: &SealedText,
    ) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
        let (nonce, sealed) = sealed.as_bytes().split_first_chunk().ok_or(NotSealed)?;
        let key = self.key.as_ref().ok_or(NotSealed)?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let length = key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(message.as_str()),
                &mut text,
            )
            .map_err(|_altered| NotSealed)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

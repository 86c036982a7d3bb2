//! Sealed texts.

use latchkey_domain::{id::MessageId, message::SealedText};
use zeroize::Zeroizing;

/// Bytes that this installation did not seal for this message, or that were altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text cannot be opened")]
pub struct NotSealed;

/// Seals texts under a server secret, so that the database alone does not tell the codes in messages
/// that wait. What was sealed for one message is not opened as another's.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Sealer: Send + Sync {
    /// Seals a text; the same text looks different each time.
    fn seal(&self, message: &MessageId, text: &[u8]) -> SealedText;

    /// The text that was sealed.
    ///
    /// # Errors
    /// [`NotSealed`].
    fn open(
        &self,
        message: &MessageId,
        sealed: &SealedText,
    ) -> Result<Zeroizing<Vec<u8>>, NotSealed>;
}

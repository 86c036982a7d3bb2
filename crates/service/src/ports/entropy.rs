//! Randomness.

/// Draws random bytes that nobody can predict.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Entropy: Send + Sync {
    /// Thirty-two fresh random bytes: what one identifier, challenge or code is made of.
    fn draw(&self) -> [u8; 32];
}

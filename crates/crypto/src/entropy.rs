//! The system's randomness.

use latchkey_service::ports::entropy::Entropy;

/// Draws from the cryptographic generator of `aws-lc-rs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where randomness enters the program"
    )]
    fn draw(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        if aws_lc_rs::rand::fill(&mut bytes).is_err() {
            // Without randomness every code and challenge would be guessable: nothing may go on.
            std::process::abort();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(SystemEntropy.draw(), SystemEntropy.draw());
    }
}

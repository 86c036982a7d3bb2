//! Randomness that repeats.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::digest::{SHA256, digest};
use latchkey_service::ports::entropy::Entropy;

/// Draws bytes that look random, never repeat, and are the same in every run with the same seed.
/// Clones draw from the same sequence.
#[derive(Clone, Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    draws: Arc<AtomicU64>,
}

impl SeededEntropy {
    /// A sequence that this seed chooses.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            draws: Arc::default(),
        }
    }
}

impl Entropy for SeededEntropy {
    fn draw(&self) -> [u8; 32] {
        let number = self.draws.fetch_add(1, Ordering::SeqCst);
        let input = [self.seed.to_be_bytes(), number.to_be_bytes()].concat();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &input).as_ref());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_and_repeat_with_the_seed() {
        let one = SeededEntropy::new(1);
        let draws = [one.draw(), one.clone().draw()];
        assert_ne!(draws[0], draws[1]);
        let again = SeededEntropy::new(1);
        assert_eq!([again.draw(), again.draw()], draws);
        assert_ne!(SeededEntropy::new(2).draw(), draws[0]);
    }
}

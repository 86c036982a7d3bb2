//! What a table holds, in one number.

use sha2::{Digest as _, Sha256};

/// What lines are together, in whatever order: databases give rows in orders of their own. It is the sum of their
/// SHA-256, each taken for a number of 256 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// How many they are.
    pub(super) lines: u64,
    digits: [u64; 4],
}

impl Sum {
    /// Takes one more.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        let digest = Sha256::digest(line);
        let mut carry = false;
        for (sum, digit) in self.digits.iter_mut().zip(digest.chunks_exact(8)) {
            let digit = digit.try_into().map_or(0, u64::from_le_bytes);
            let (first, first_overflows) = sum.overflowing_add(digit);
            let (second, second_overflows) = first.overflowing_add(u64::from(carry));
            *sum = second;
            carry = first_overflows || second_overflows;
        }
    }
}

//! Base-36 text (`0-9a-z`) of random or hashed bytes.

use std::fmt::Write as _;

/// How many base-36 symbols hold 256 bits.
pub(crate) const SYMBOLS_OF_256_BITS: usize = 50;

/// The `length` least significant base-36 symbols of the number whose big-endian bytes are given.
///
/// With `length` ≤ 26 and uniformly random bytes every symbol string is equally likely up to a bias of
/// less than 2^-120, because 36^26 < 2^135 is far below 2^256.
pub(crate) fn encode(bytes: &[u8; 32], length: usize) -> String {
    let mut number = *bytes;
    let mut symbols = Vec::with_capacity(length);
    for _ in 0..length {
        symbols.push(divide_by_36(&mut number));
    }
    symbols
        .iter()
        .rev()
        .fold(String::with_capacity(length), |mut text, symbol| {
            let digit = char::from_digit(*symbol, 36).unwrap_or('0');
            // Writing to a String cannot fail.
            let _ = text.write_char(digit);
            text
        })
}

/// Divides in place and returns the remainder.
fn divide_by_36(number: &mut [u8; 32]) -> u32 {
    let mut remainder: u32 = 0;
    for byte in number.iter_mut() {
        let dividend = (remainder << 8) | u32::from(*byte);
        // The quotient of a number below 36 · 256 divided by 36 fits a byte.
        *byte = u8::try_from(dividend / 36).unwrap_or(u8::MAX);
        remainder = dividend % 36;
    }
    remainder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_base_36() {
        let mut bytes = [0; 32];
        bytes[31] = 37;
        assert_eq!(encode(&bytes, 3), "011");
        bytes[30] = 1;
        assert_eq!(encode(&bytes, 4), "0085");
    }

    #[test]
    fn all_ones_fill_fifty_symbols() {
        let text = encode(&[0xff; 32], SYMBOLS_OF_256_BITS);
        assert_eq!(text, "6dp5qcb22im238nr3wvp0ic7q99w035jmy2iw7i6n43d37jtof");
    }
}

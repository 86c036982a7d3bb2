//! Kit numbers: by which a person names a recovery key.

use std::fmt;

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

use super::CredentialId;
use crate::credential_code::ALPHABET;

/// How many symbols tell which recovery key it is: 35 bits, which tell those of one user apart.
const LENGTH: usize = 7;

/// How many there are with the one that is checked.
const WHOLE: usize = LENGTH + 1;

/// The number of a recovery key, `XXXX-XXXX`: it follows from the credential id, is short enough to be typed, and its
/// last symbol tells most slips. It is no secret, and tells apart what one user has; it names nothing beyond that.
///
/// Seven symbols are the first 35 bits of the SHA-256 of the credential id without its padding. The eighth follows
/// from them by the Luhn algorithm modulo 32, which notices every wrong symbol and nearly every two that are exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KitNumber(String);

impl KitNumber {
    /// The number of the recovery key with this credential id.
    pub fn of(id: &CredentialId) -> Self {
        let digest: [u8; 32] = Sha256::digest(id.key()).into();
        let bits = digest
            .iter()
            .take(5)
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let mut values: Vec<u64> = (1..=LENGTH)
            .map(|place| (bits >> (40 - 5 * place)) % 32)
            .collect();
        values.push(check(&values));
        Self(values.into_iter().map(symbol).collect())
    }

    /// Whether that text is this number, in whatever case and form (NFKC) and with whatever dashes and blanks it was
    /// typed.
    pub fn is_typed(&self, text: &str) -> bool {
        let symbols = text.nfkc().filter(char::is_ascii_alphanumeric);
        let mut typed = symbols.map(|symbol| symbol.to_ascii_uppercase());
        self.0.chars().all(|symbol| typed.next() == Some(symbol)) && typed.next().is_none()
    }
}

/// As it is printed.
impl fmt::Display for KitNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(WHOLE / 2) {
            Some((first, second)) => write!(formatter, "{first}-{second}"),
            None => formatter.write_str(&self.0),
        }
    }
}

/// The last symbol for those before it.
fn check(values: &[u64]) -> u64 {
    let sum: u64 = values
        .iter()
        .rev()
        .zip([2_u64, 1].into_iter().cycle())
        .map(|(value, factor)| {
            let product = value * factor;
            product / 32 + product % 32
        })
        .sum();
    (32 - sum % 32) % 32
}

fn symbol(value: u64) -> char {
    let index = usize::try_from(value).ok();
    index
        .and_then(|index| ALPHABET.get(index))
        .copied()
        .map_or('A', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(id: &str) -> KitNumber {
        KitNumber::of(&CredentialId::new(id).unwrap())
    }

    /// What the pages print for the same credential ids (`numberOf` in kit.js).
    #[test]
    fn a_number_follows_from_the_credential_id_whatever_its_padding() {
        for (id, printed) in [
            ("cmVjb3Zlcnkta2l0", "4JFC-WM3S"),
            ("cmVjb3Zlcnkta2l0=", "4JFC-WM3S"),
            ("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "MJP3-ZVQT"),
        ] {
            assert_eq!(number(id).to_string(), printed, "{id}");
        }
    }

    #[test]
    fn a_number_is_recognised_however_it_is_typed_and_no_other() {
        let number = number("cmVjb3Zlcnkta2l0");
        let printed = number.to_string();
        let plain = printed.replace('-', "");
        for typed in [
            &printed,
            &plain,
            &plain.to_lowercase(),
            &format!(" {printed} "),
            "４ｊｆｃ－ＷＭ３Ｓ",
        ] {
            assert!(number.is_typed(typed), "{typed}");
        }
        let longer = format!("{printed}A");
        for other in ["", &plain[1..], longer.as_str(), "AAAA-AAAA"] {
            assert!(!number.is_typed(other), "{other}");
        }
    }

    #[test]
    fn every_wrong_symbol_and_every_two_that_are_exchanged_make_no_number() {
        let good = [3, 31, 0, 17, 8, 25, 9];
        let is_whole = |values: &[u64]| {
            let (last, before) = values.split_last().unwrap();
            check(before) == *last
        };
        let mut whole = good.to_vec();
        whole.push(check(&good));
        assert!(is_whole(&whole));
        for (place, right) in whole.iter().enumerate() {
            for value in (0..32).filter(|value| value != right) {
                let mut wrong = whole.clone();
                wrong[place] = value;
                assert!(!is_whole(&wrong), "{wrong:?}");
            }
        }
        for (place, pair) in whole.windows(2).enumerate() {
            let mut wrong = whole.clone();
            wrong.swap(place, place + 1);
            // The algorithm takes the first and the last symbol of the alphabet for each other.
            let is_unseen = pair.contains(&0) && pair.contains(&31);
            assert_eq!(is_whole(&wrong), is_unseen, "{wrong:?}");
        }
    }
}

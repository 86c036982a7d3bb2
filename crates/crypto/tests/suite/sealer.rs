//! Sealed texts tell nothing, and cannot be altered or moved.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use latchkey_crypto::{sealer::AesGcmSealer, secrets::Secrets};
use latchkey_domain::{id::MessageId, message::SealedText, time::Timestamp};
use latchkey_service::ports::sealer::{NotSealed, Sealer as _};
use latchkey_testkit::entropy::SeededEntropy;

const TEXT: &[u8] = b"your code is A7U-KY6-9PT";

/// [`TEXT`], sealed by other software.
const VECTOR: &str = "0303030303030303030303035a84abea80985c6a99e4652aa31a\
                      ff69488054413426916c78b6d7369c471c833b986fb9dc2d04c8";

fn secrets(seed: u64) -> Secrets {
    let now = Timestamp::from_unix_milliseconds(0);
    Secrets::generate(&SeededEntropy::new(seed), now).unwrap()
}

fn sealer(seed: u64) -> AesGcmSealer {
    AesGcmSealer::new(&secrets(seed), Arc::new(SeededEntropy::new(9)))
}

fn message(number: u8) -> MessageId {
    MessageId::from_random(&[number; 32])
}

#[test]
fn what_was_sealed_is_opened_by_every_replica() {
    let sealed = sealer(1).seal(&message(1), TEXT);
    let opened = sealer(1).open(&message(1), &sealed).unwrap();
    assert_eq!(opened.as_slice(), TEXT);
}

#[test]
fn a_sealed_text_differs_each_time_and_does_not_hold_the_text() {
    let sealer = sealer(1);
    let (one, two) = (
        sealer.seal(&message(1), TEXT),
        sealer.seal(&message(1), TEXT),
    );
    assert_ne!(one, two);
    assert!(
        !one.as_bytes()
            .windows(11)
            .any(|part| part == b"A7U-KY6-9PT")
    );
    assert_eq!(one.as_bytes().len(), 12 + TEXT.len() + 16);
}

#[test]
fn another_installation_or_message_cannot_open_it() {
    let sealed = sealer(1).seal(&message(1), TEXT);
    assert_eq!(sealer(2).open(&message(1), &sealed), Err(NotSealed));
    assert_eq!(sealer(1).open(&message(2), &sealed), Err(NotSealed));
}

#[test]
fn every_altered_byte_and_every_missing_one_is_noticed() {
    let sealer = sealer(1);
    let kept = sealer.seal(&message(1), TEXT);
    for position in 0..kept.as_bytes().len() {
        let mut bytes = kept.as_bytes().to_vec();
        bytes[position] ^= 1;
        let altered = SealedText::new(bytes);
        assert_eq!(sealer.open(&message(1), &altered), Err(NotSealed));
        let cut = SealedText::new(kept.as_bytes()[..position].to_vec());
        assert_eq!(sealer.open(&message(1), &cut), Err(NotSealed));
    }
}

#[test]
fn it_is_aes_256_gcm_under_a_key_of_hkdf_sha_256() {
    let text = secrets(1).to_toml();
    let secret = text
        .lines()
        .find_map(|line| line.strip_prefix("installation_secret = \""))
        .and_then(|line| line.strip_suffix('"'))
        .unwrap();
    let known = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
    let secrets = Secrets::from_toml(&text.replace(secret, known)).unwrap();
    let sealer = AesGcmSealer::new(&secrets, Arc::new(SeededEntropy::new(9)));
    // Sealed by Python's cryptography for ms-… of 32 bytes of 1, under the key that HKDF gives for a
    // secret of 32 bytes of 2, with a nonce of 12 bytes of 3.
    let kept = HEXLOWER.decode(VECTOR.as_bytes()).unwrap();
    let opened = sealer.open(&message(1), &SealedText::new(kept)).unwrap();
    assert_eq!(opened.as_slice(), TEXT);
}

//! Codes are digested under the secret, and secrets do not show themselves.

use std::{fmt, marker::PhantomData};

use latchkey_crypto::{
    code_digest::HmacCodeDigester, entropy::SystemEntropy, sealer::AesGcmSealer, secrets::Secrets,
    tokens::SignedTokens,
};
use latchkey_domain::{credential_code::CodeText, time::Timestamp};
use latchkey_service::ports::code_digester::CodeDigester as _;
use latchkey_testkit::entropy::SeededEntropy;

fn secrets(seed: u64) -> Secrets {
    let now = Timestamp::from_unix_milliseconds(0);
    Secrets::generate(&SeededEntropy::new(seed), now).unwrap()
}

fn code(text: &str) -> CodeText {
    CodeText::new(text.to_owned())
}

#[test]
fn the_digest_is_hmac_sha_256() {
    let text = secrets(1).to_toml();
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("code_digest_key = \""))
        .and_then(|line| line.strip_suffix('"'))
        .unwrap();
    let known = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
    let secrets = Secrets::from_toml(&text.replace(key, known)).unwrap();
    let digest = HmacCodeDigester::new(&secrets).digest(&code("A7U-KY6-9PT"));
    // HMAC-SHA-256 of the text under 32 bytes of 2, computed with Python.
    let expected = "2afaf1261e8f066b9ab1cec5b7ed4649679fcfe5c70be88f108125dc5b74d451";
    assert_eq!(data_encoding::HEXLOWER.encode(digest.as_bytes()), expected);
}

#[test]
fn digests_depend_on_code_and_key() {
    let one = HmacCodeDigester::new(&secrets(1));
    let digest = one.digest(&code("A7U-KY6-9PT"));
    assert_eq!(
        HmacCodeDigester::new(&secrets(1)).digest(&code("A7U-KY6-9PT")),
        digest
    );
    assert_ne!(one.digest(&code("A7U-KY6-9PU")), digest);
    assert_ne!(
        HmacCodeDigester::new(&secrets(2)).digest(&code("A7U-KY6-9PT")),
        digest
    );
}

#[test]
fn the_systems_randomness_makes_secrets_that_differ() {
    let now = Timestamp::from_unix_milliseconds(0);
    let fingerprint = || {
        Secrets::generate(&SystemEntropy, now)
            .unwrap()
            .fingerprint()
    };
    assert_ne!(fingerprint(), fingerprint());
}

/// Tells whether a type shows itself: the method of the type itself goes before that of the trait.
struct Probe<T>(PhantomData<T>);

trait Silent {
    fn shows_itself(&self) -> bool {
        false
    }
}

impl<T> Silent for Probe<T> {}

impl<T: fmt::Debug> Probe<T> {
    fn shows_itself(&self) -> bool {
        let _ = self;
        true
    }
}

#[test]
fn secrets_cannot_be_shown() {
    assert!(Probe::<Timestamp>(PhantomData).shows_itself());
    assert!(!Probe::<Secrets>(PhantomData).shows_itself());
    assert!(!Probe::<SignedTokens>(PhantomData).shows_itself());
    assert!(!Probe::<AesGcmSealer>(PhantomData).shows_itself());
    assert!(!Probe::<HmacCodeDigester>(PhantomData).shows_itself());
    assert!(!Probe::<CodeText>(PhantomData).shows_itself());
}

//! Public keys that must not be registered.

use data_encoding::HEXLOWER;
use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{
    key::{KeyClient, pem},
    key_pair::KeyKind,
};

use crate::{
    key_refusals::is_malformed,
    support::{asked, register_key},
};

/// The DER of a SubjectPublicKeyInfo of P-256 up to the point.
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

#[test]
fn weak_and_unknown_public_keys_are_refused() {
    let client = KeyClient::new(KeyKind::P256);
    let data = client.client_data("key.create", &asked());
    let point = HEXLOWER.encode(client.pair.public_bytes());
    let off_curve = format!("{P256}04{}", "01".repeat(64));
    let infinity = "3019301306072a8648ce3d020106082a8648ce3d03010703020000";
    let compressed = format!(
        "3039301306072a8648ce3d020106082a8648ce3d030107032200{}{}",
        "02",
        &point[2..66]
    );
    let other_curve = format!("3056301006072a8648ce3d020106052b8104000a034200{point}");
    let ed25519 = |point: &str| format!("302a300506032b6570032100{point}");
    for (case, der) in [
        ("a point off the curve", off_curve),
        ("the point at infinity", infinity.to_owned()),
        ("a compressed point", compressed),
        ("a point of another curve", other_curve),
        ("a hybrid point", format!("{P256}06{}", &point[2..])),
        (
            "X25519",
            format!("302a300506032b656e032100{}", "09".repeat(32)),
        ),
        (
            "Ed25519 of order 1",
            ed25519(&format!("01{}", "00".repeat(31))),
        ),
        (
            "Ed25519 of order 1, sign set",
            ed25519(&format!("01{}80", "00".repeat(30))),
        ),
        ("Ed25519 of order 4", ed25519(&"00".repeat(32))),
        (
            "Ed25519 of order 8",
            ed25519("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        ),
        (
            "Ed25519 of order 2",
            ed25519(&format!("ec{}7f", "ff".repeat(30))),
        ),
        (
            "Ed25519 with too many bytes",
            format!("302b300506032b6570032200{}", "07".repeat(33)),
        ),
        (
            "Ed25519 with parameters",
            format!("302c300706032b65700500032100{}", "07".repeat(32)),
        ),
    ] {
        let der = HEXLOWER.decode(der.as_bytes()).unwrap();
        let info = client.attest_with(data.as_bytes(), &pem("PUBLIC KEY", &der, 64, "\n"));
        assert_eq!(
            register_key(&info),
            Err(ProofError::UnsupportedKey),
            "{case}"
        );
    }
}

#[test]
fn public_keys_that_are_not_in_der_are_refused() {
    let client = KeyClient::new(KeyKind::P256);
    let data = client.client_data("key.create", &asked());
    let good = client.pair.spki_der();
    let long_form = [&[0x30, 0x81, 0x59][..], &good[2..]].concat();
    let indefinite = [&[0x30, 0x80][..], &good[2..], &[0, 0]].concat();
    for (case, der) in [
        ("nothing after the header", vec![0x30]),
        ("a number", vec![2, 1, 1]),
        ("a byte more", [&good[..], &[0]].concat()),
        ("a byte less", good[..good.len() - 1].to_vec()),
        ("a length in long form", long_form),
        ("an indefinite length", indefinite),
    ] {
        let info = client.attest_with(data.as_bytes(), &pem("PUBLIC KEY", &der, 64, "\n"));
        let result = register_key(&info);
        assert!(is_malformed(&result, "attestationData"), "{case}");
    }
}

/// RSAPublicKey in DER.
fn rsa_der(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = match length {
            [0, short @ 0..=127] => vec![tag, short],
            [0, long] => vec![tag, 0x81, long],
            [high, low] => vec![tag, 0x82, high, low],
        };
        [header, content.to_vec()].concat()
    }
    let integer = |bytes: &[u8]| {
        let sign: &[u8] = if bytes[0] < 0x80 { &[] } else { &[0] };
        value(2, &[sign, bytes].concat())
    };
    value(0x30, &[integer(modulus), integer(exponent)].concat())
}

#[test]
fn rsa_keys_out_of_bounds_are_refused() {
    let client = KeyClient::new(KeyKind::Rsa2048);
    let data = client.client_data("key.create", &asked());
    let modulus = &client.pair.public_bytes()[9..265];
    let f4 = &[1, 0, 1][..];
    let outcome = |modulus: &[u8], exponent: &[u8]| {
        let public_key = pem("RSA PUBLIC KEY", &rsa_der(modulus, exponent), 64, "\n");
        register_key(&client.attest_with(data.as_bytes(), &public_key))
    };
    assert!(outcome(modulus, f4).is_ok());
    let odd = |bytes: usize| [&[0xff][..], &vec![0xab; bytes - 2], &[0x01]].concat();
    for (case, modulus, exponent) in [
        ("2047 bits", [&[0x7f][..], &modulus[1..]].concat(), f4),
        ("2040 bits", odd(255), f4),
        ("1024 bits", odd(128), f4),
        ("8200 bits", odd(1025), f4),
        ("16384 bits", odd(2048), f4),
        ("exponent 1", modulus.to_vec(), &[1]),
        ("exponent 2", modulus.to_vec(), &[2]),
        ("exponent 65536", modulus.to_vec(), &[1, 0, 0]),
        ("exponent of 40 bits", modulus.to_vec(), &[0x80, 0, 0, 0, 1]),
    ] {
        let result = outcome(&modulus, exponent);
        assert_eq!(result, Err(ProofError::UnsupportedKey), "{case}");
    }
}

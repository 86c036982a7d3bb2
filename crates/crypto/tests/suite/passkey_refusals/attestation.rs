//! What an authenticator can attest wrongly.

use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;
use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{
    key_pair::{KeyKind, KeyPair},
    passkey::{ATTESTED, BACKED_UP, EXTENSIONS, PasskeyClient, Quirks, cose_key, ec2, rsa},
};

use super::{ORIGIN, asked_for_owner, is_malformed};
use crate::support::{bytes, expected, register_passkey};

#[test]
fn public_keys_that_are_not_offered_are_refused() {
    let p256 = KeyPair::generate(KeyKind::P256);
    let p384 = KeyPair::generate(KeyKind::P384);
    let rsa_pair = KeyPair::generate(KeyKind::Rsa2048);
    let modulus = &rsa_pair.public_bytes()[9..265];
    let off_curve = [&[4][..], &[1; 64]].concat();
    let short = &p256.public_bytes()[..63];
    let of = |kind| cose_key(&KeyPair::generate(kind));
    let small = [&[0][..], &modulus[1..]].concat();
    for (case, key) in [
        ("ES384", of(KeyKind::P384)),
        ("ES512", of(KeyKind::P521)),
        ("ES256K", of(KeyKind::Secp256k1)),
        ("EdDSA", of(KeyKind::Ed25519)),
        ("ES256 on P-384", ec2(-7, 2, p384.public_bytes())),
        ("ES256 said to be on P-384", ec2(-7, 2, p256.public_bytes())),
        (
            "ES256 on a curve nobody knows",
            ec2(-7, 9, p256.public_bytes()),
        ),
        ("a point off the curve", ec2(-7, 1, &off_curve)),
        ("a short point", ec2(-7, 1, short)),
        ("a P-256 key for RS256", ec2(-257, 1, p256.public_bytes())),
        ("an RSA key for ES256", rsa(-7, modulus, &[1, 0, 1])),
        ("RS1", rsa(-65535, modulus, &[1, 0, 1])),
        ("RS384", rsa(-258, modulus, &[1, 0, 1])),
        ("PS256", rsa(-37, modulus, &[1, 0, 1])),
        ("RSA with 1024 bits", rsa(-257, &modulus[..128], &[1, 0, 1])),
        ("RSA with 2040 bits", rsa(-257, &small, &[1, 0, 1])),
        (
            "RSA with 4096 bits",
            rsa(-257, &[modulus, modulus].concat(), &[1, 0, 1]),
        ),
        ("RSA with exponent 1", rsa(-257, modulus, &[0, 0, 1])),
        ("RSA with an even exponent", rsa(-257, modulus, &[1, 0, 0])),
        (
            "RSA with a long exponent",
            rsa(-257, modulus, &[1, 0, 0, 1]),
        ),
        ("no key at all", Cbor::Map(vec![])),
        ("an unknown algorithm", ec2(-999, 1, p256.public_bytes())),
    ] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.public_key = Some(key);
        let result = register_passkey(&expected(), &device.create(asked_for_owner()));
        assert_eq!(result, Err(ProofError::UnsupportedKey), "{case}");
    }
}

/// What is wrong with the attestation object.
fn faults() -> Vec<(&'static str, Quirks)> {
    let right = Quirks::default;
    vec![
        (
            "a byte after the object",
            Quirks {
                after_attestation_object: vec![0],
                ..right()
            },
        ),
        (
            "an object after it",
            Quirks {
                after_attestation_object: vec![0xa0],
                ..right()
            },
        ),
        (
            "a byte after the data",
            Quirks {
                after_authenticator_data: vec![0],
                ..right()
            },
        ),
        (
            "a map after the data",
            Quirks {
                after_authenticator_data: vec![0xa0],
                ..right()
            },
        ),
        (
            "nothing attested",
            Quirks {
                clear_flags: ATTESTED,
                ..right()
            },
        ),
        (
            "extensions that are not there",
            Quirks {
                set_flags: EXTENSIONS,
                ..right()
            },
        ),
        (
            "extensions not announced",
            Quirks {
                extensions: Some(Cbor::Map(vec![])),
                clear_flags: EXTENSIONS,
                ..right()
            },
        ),
        (
            "extensions that are no map",
            Quirks {
                extensions: Some(1.into()),
                ..right()
            },
        ),
        (
            "a key that is no map",
            Quirks {
                public_key: Some(1.into()),
                ..right()
            },
        ),
        (
            "backed up without being eligible",
            Quirks {
                set_flags: BACKED_UP,
                ..right()
            },
        ),
        ("an empty credential id", with_id(vec![])),
        ("a credential id of 1024 bytes", with_id(vec![7; 1024])),
        (
            "a statement that is no map",
            Quirks {
                attestation: Some(("none", 1.into())),
                ..right()
            },
        ),
    ]
}

/// A credential id that the wire could not carry, beside one that it can.
fn with_id(id: Vec<u8>) -> Quirks {
    Quirks {
        attested_id: Some(id),
        sent_id: Some("AA".to_owned()),
        ..Quirks::default()
    }
}

#[test]
fn an_attestation_object_with_a_fault_is_refused() {
    for (case, quirks) in faults() {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks = quirks;
        let result = register_passkey(&expected(), &device.create(asked_for_owner()));
        assert!(
            is_malformed(&result, "attestationData"),
            "{case}: {result:?}"
        );
    }
}

#[test]
fn attestation_objects_that_are_not_maps_of_three_members_are_refused() {
    let text = |name: &str| Cbor::from(name);
    let empty = || Cbor::Map(vec![]);
    let mut device = PasskeyClient::new(ORIGIN);
    let info = device.create(asked_for_owner());
    let good: Cbor = ciborium::from_reader(&bytes(&info, "attestationData")[..]).unwrap();
    let members = good.as_map().unwrap().clone();
    let data = members[2].1.clone();
    let repeated = |index: usize| {
        let mut members = members.clone();
        members.push(members[index].clone());
        Cbor::Map(members)
    };
    let without = |index: usize| {
        let mut members = members.clone();
        members.remove(index);
        Cbor::Map(members)
    };
    for (case, object) in [
        ("a number", 1.into()),
        (
            "a list",
            Cbor::Array(vec![text("none"), empty(), data.clone()]),
        ),
        ("bytes", Cbor::Bytes(vec![1])),
        ("no format", without(0)),
        ("no statement", without(1)),
        ("no data", without(2)),
        ("two formats", repeated(0)),
        ("two statements", repeated(1)),
        ("two data", repeated(2)),
        (
            "data as text",
            Cbor::Map(vec![
                (text("fmt"), text("none")),
                (text("attStmt"), empty()),
                (text("authData"), text("x")),
            ]),
        ),
        (
            "a format as number",
            Cbor::Map(vec![
                (text("fmt"), 1.into()),
                (text("attStmt"), empty()),
                (text("authData"), data.clone()),
            ]),
        ),
    ] {
        let mut encoded = vec![];
        ciborium::into_writer(&object, &mut encoded).unwrap();
        let mut wrong = info.clone();
        wrong["attestationData"] = BASE64URL_NOPAD.encode(&encoded).into();
        let result = register_passkey(&expected(), &wrong);
        assert!(is_malformed(&result, "attestationData"), "{case}");
    }
    assert!(register_passkey(&expected(), &info).is_ok());
}

#[test]
fn lengths_that_promise_too_much_are_refused() {
    for head in [
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x9b, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0xbf],
        vec![0x5f, 0x40],
        vec![0x81; 50_000],
        vec![0xc1; 50_000],
    ] {
        let mut info = PasskeyClient::new(ORIGIN).create(asked_for_owner());
        info["attestationData"] = BASE64URL_NOPAD.encode(&head).into();
        let result = register_passkey(&expected(), &info);
        assert!(is_malformed(&result, "attestationData"));
    }
}

#[test]
fn a_credential_id_that_was_not_attested_is_refused() {
    let attested = PasskeyClient::new(ORIGIN).credential_id();
    for sent in [
        "AA",
        "not base64url!",
        &attested[..attested.len() - 1],
        &attested,
    ] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.sent_id = Some(sent.to_owned());
        let result = register_passkey(&expected(), &device.create(asked_for_owner()));
        assert_eq!(result, Err(ProofError::CredentialId), "{sent}");
    }
}

#[test]
fn a_credential_id_in_standard_base64_is_refused() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.attested_id = Some(vec![0xfb; 3]);
    device.quirks.sent_id = Some("+/v7".to_owned());
    let result = register_passkey(&expected(), &device.create(asked_for_owner()));
    assert_eq!(result, Err(ProofError::CredentialId));
}

//! Every way in which the proof of a key pair can be wrong.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use latchkey_crypto::proofs::Proofs;
use latchkey_domain::{
    challenge::ChallengeText,
    credential::{Material, key::KeyPair, passkey::Transports},
};
use latchkey_service::ports::proof_verifier::{Offered, ProofError, ProofVerifier as _, Used};
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    key::{KeyClient, SignatureForm},
    key_pair::{Digest, KeyKind},
    passkey::PasskeyClient,
};
use serde_json::{Value, json};

use crate::support::{
    asked, assertion, bytes, creation, encrypted, expected, register_key, register_passkey, signer,
    use_key,
};

pub(crate) fn is_malformed<T>(result: &Result<T, ProofError>, member: &str) -> bool {
    matches!(result, Err(ProofError::Malformed { part, .. }) if *part == member)
}

/// Registers with this client data, well signed.
fn register(client_data: &str) -> Result<KeyPair, ProofError> {
    register_key(&KeyClient::new(KeyKind::P256).attest(client_data.as_bytes()))
}

/// Registers with this attestation data.
fn register_attestation(attestation: &[u8]) -> Result<KeyPair, ProofError> {
    let mut info = KeyClient::new(KeyKind::P256).create(&asked());
    info["attestationData"] = BASE64URL_NOPAD.encode(attestation).into();
    register_key(&info)
}

fn attestation(info: &Value) -> Value {
    serde_json::from_slice(&bytes(info, "attestationData")).unwrap()
}

#[test]
fn a_type_of_another_ceremony_is_refused() {
    for ceremony in [
        "key.get",
        "webauthn.create",
        "KEY.CREATE",
        "key.create ",
        "",
    ] {
        let data = format!(r#"{{"type":"{ceremony}","challenge":"{}"}}"#, asked());
        assert_eq!(register(&data), Err(ProofError::Type), "{ceremony}");
    }
    let client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    for ceremony in ["key.create", "webauthn.get"] {
        let data = format!(r#"{{"type":"{ceremony}","challenge":"{}"}}"#, asked());
        let result = use_key(&pair, &client.assert(data.as_bytes()));
        assert_eq!(result, Err(ProofError::Type), "{ceremony}");
    }
}

/// Texts that are near to the challenge, and none of its two forms.
fn other_challenges() -> Vec<String> {
    let challenge = asked();
    let twice = ChallengeForm::EncodedTwice.apply(&challenge);
    vec![
        String::new(),
        "=".to_owned(),
        ChallengeText::from_random(&[9; 32]).to_string(),
        challenge.to_uppercase(),
        challenge[..challenge.len() - 1].to_owned(),
        format!("{challenge}A"),
        format!(" {challenge}"),
        format!("={challenge}"),
        "ch-0123456789abcdefghijklmnopqrst".to_owned(),
        ChallengeForm::EncodedTwice.apply(&twice),
    ]
}

#[test]
fn another_challenge_is_refused() {
    let client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    for challenge in other_challenges() {
        let data = format!(r#"{{"type":"key.create","challenge":"{challenge}"}}"#);
        assert_eq!(register(&data), Err(ProofError::Challenge), "{challenge}");
        let data = format!(r#"{{"type":"key.get","challenge":"{challenge}"}}"#);
        let result = use_key(&pair, &client.assert(data.as_bytes()));
        assert_eq!(result, Err(ProofError::Challenge), "{challenge}");
    }
}

#[test]
fn an_origin_that_misleads_is_refused() {
    let challenge = asked();
    let register_at = |origin: &str| {
        register(&format!(
            r#"{{"type":"key.create","challenge":"{challenge}","origin":"{origin}"}}"#
        ))
    };
    assert!(register_at("https://example.com").is_ok());
    for symbol in ['\u{202e}', '\u{200b}', '\u{3164}', '\u{fe0f}', '\u{2028}'] {
        let origin = format!("https://exa{symbol}mple.com");
        assert!(
            is_malformed(&register_at(&origin), "clientData"),
            "{origin:?}"
        );
    }
}

#[test]
fn client_data_that_can_be_read_in_two_ways_or_none_are_refused() {
    let challenge = asked();
    for data in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        format!(r#"{{"type":"key.create","challenge":"{challenge}""#),
        format!(r#"{{"type":"key.create","challenge":"{challenge}"}}}}"#),
        format!("\u{feff}\u{feff}{{\"type\":\"key.create\",\"challenge\":\"{challenge}\"}}"),
        format!(r#"{{"type":"key.create","type":"key.create","challenge":"{challenge}"}}"#),
        format!(r#"{{"type":"key.create","challenge":"x","challenge":"{challenge}"}}"#),
        format!(r#"{{"type":"key.create","challenge":"{challenge}","x":{{"y":1,"y":1}}}}"#),
        format!(r#"{{"challenge":"{challenge}"}}"#),
        r#"{"type":"key.create"}"#.to_owned(),
        r#"{"type":"key.create","challenge":null}"#.to_owned(),
        r#"{"type":"key.create","challenge":1}"#.to_owned(),
        format!(r#"{{"type":["key.create"],"challenge":"{challenge}"}}"#),
        format!(r#"{{"type":"key.create","challenge":["{challenge}"]}}"#),
        format!(r#"{{"type":"key.create","challenge":"{challenge}","origin":1}}"#),
        format!(r#"{{"type":"key.create","challenge":"{challenge}","crossOrigin":"no"}}"#),
    ] {
        assert!(is_malformed(&register(&data), "clientData"), "{data}");
    }
    let broken = [
        b"{\"type\":\"key.create\",\"challenge\":\"",
        &[0xff][..],
        b"\"}",
    ]
    .concat();
    let result = register_key(&KeyClient::new(KeyKind::P256).attest(&broken));
    assert!(is_malformed(&result, "clientData"));
}

#[test]
fn an_origin_that_cannot_be_shown_is_refused() {
    for (origin, accepted) in [
        ("é".repeat(2048), true),
        ("é".repeat(2049), false),
        ("a\\nb".to_owned(), false),
        ("a\\u0000b".to_owned(), false),
        ("a\\u0085b".to_owned(), false),
    ] {
        let challenge = asked();
        let data =
            format!(r#"{{"type":"key.create","challenge":"{challenge}","origin":"{origin}"}}"#);
        let result = register(&data);
        assert_eq!(result.is_ok(), accepted, "{}", origin.len());
        assert_eq!(is_malformed(&result, "clientData"), !accepted);
    }
}

#[test]
fn attestation_data_that_can_be_read_in_two_ways_or_none_are_refused() {
    let info = KeyClient::new(KeyKind::P256).create(&asked());
    let good = String::from_utf8(bytes(&info, "attestationData")).unwrap();
    let public_key = attestation(&info)["publicKey"].clone();
    for data in [
        String::new(),
        "[]".to_owned(),
        good.replace('}', ""),
        format!("{good} {good}"),
        good.replacen('{', r#"{"signature":"00","#, 1),
        good.replacen('{', r#"{"x":{"y":1,"y":1},"#, 1),
        json!({"publicKey": public_key}).to_string(),
        json!({"signature": "00"}).to_string(),
        json!({"publicKey": public_key, "signature": null}).to_string(),
        json!({"publicKey": public_key, "signature": 1}).to_string(),
        json!({"publicKey": [public_key], "signature": "00"}).to_string(),
        json!({"publicKey": public_key, "signature": "00", "algorithm": 256}).to_string(),
        json!({"publicKey": public_key, "signature": ""}).to_string(),
        json!({"publicKey": public_key, "signature": "=="}).to_string(),
        json!({"publicKey": public_key, "signature": "0g+/"}).to_string(),
        json!({"publicKey": public_key, "signature": " 00"}).to_string(),
        json!({"publicKey": "", "signature": "00"}).to_string(),
        json!({"publicKey": "-----BEGIN PUBLIC KEY-----", "signature": "00"}).to_string(),
    ] {
        let result = register_attestation(data.as_bytes());
        assert!(is_malformed(&result, "attestationData"), "{data}");
    }
}

#[test]
fn a_signature_by_another_key_is_refused() {
    for kind in KeyKind::ALL {
        if kind == KeyKind::Rsa2048 {
            // All test clients share one RSA key; vectors cover it.
            continue;
        }
        let (one, two) = (KeyClient::new(kind), KeyClient::new(kind));
        let info = one.attest_with(
            one.client_data("key.create", &asked()).as_bytes(),
            &two.pem(),
        );
        assert_eq!(register_key(&info), Err(ProofError::Signature), "{kind:?}");

        let pair = register_key(&one.create(&asked())).unwrap();
        let result = use_key(&pair, &two.get(&asked()));
        assert_eq!(result, Err(ProofError::Signature), "{kind:?}");
    }
}

#[test]
fn a_signature_over_other_bytes_is_refused() {
    for kind in KeyKind::ALL {
        let client = KeyClient::new(kind);
        let mut info = client.create(&asked());
        let challenge = asked();
        // The same members, written otherwise.
        let other = format!(r#"{{"challenge":"{challenge}","type":"key.create"}}"#);
        info["clientData"] = BASE64URL_NOPAD.encode(other.as_bytes()).into();
        assert_eq!(register_key(&info), Err(ProofError::Signature), "{kind:?}");

        let pair = register_key(&client.create(&asked())).unwrap();
        let mut used = client.get(&asked());
        let other = format!(r#"{{"type":"key.get", "challenge":"{challenge}"}}"#);
        used["clientData"] = BASE64URL_NOPAD.encode(other.as_bytes()).into();
        assert_eq!(
            use_key(&pair, &used),
            Err(ProofError::Signature),
            "{kind:?}"
        );
    }
}

#[test]
fn the_signature_of_a_registration_does_not_sign_in() {
    let client = KeyClient::new(KeyKind::P256);
    let info = client.create(&asked());
    let pair = register_key(&info).unwrap();
    let signature = attestation(&info)["signature"].clone();
    let mut used = client.get(&asked());
    let raw = HEXLOWER
        .decode(signature.as_str().unwrap().as_bytes())
        .unwrap();
    used["signature"] = BASE64URL_NOPAD.encode(&raw).into();
    assert_eq!(use_key(&pair, &used), Err(ProofError::Signature));
}

#[test]
fn the_registration_signs_the_public_key_as_it_was_sent() {
    let client = KeyClient::new(KeyKind::P256);
    let data = client.client_data("key.create", &asked());
    let info = client.attest(data.as_bytes());
    let mut read = attestation(&info);
    // The same key, written otherwise.
    read["publicKey"] = client.pem().trim_end().into();
    let result = register_attestation(read.to_string().as_bytes());
    assert_eq!(result, Err(ProofError::Signature));
}

#[test]
fn a_signature_in_standard_base64_is_refused() {
    let mut client = KeyClient::new(KeyKind::Rsa2048);
    client.signature_form = SignatureForm::StandardBase64;
    // RSA signatures are long: one without any + or / and without padding does not occur.
    let result = register_key(&client.create(&asked()));
    assert!(is_malformed(&result, "attestationData"));
}

#[test]
fn a_signature_that_is_cut_or_longer_is_refused() {
    for kind in KeyKind::ALL {
        let client = KeyClient::new(kind);
        let pair = register_key(&client.create(&asked())).unwrap();
        let good = client.get(&asked());
        let signature = bytes(&good, "signature");
        let cut = signature[..signature.len() - 1].to_vec();
        let longer = [&signature[..], &[0]].concat();
        for wrong in [vec![], vec![0; signature.len()], cut, longer] {
            let mut used = good.clone();
            used["signature"] = BASE64URL_NOPAD.encode(&wrong).into();
            assert_eq!(
                use_key(&pair, &used),
                Err(ProofError::Signature),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn another_digest_than_the_named_one_is_refused() {
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Secp256k1,
        KeyKind::Rsa2048,
    ] {
        let mut client = KeyClient::new(kind);
        let pair = register_key(&client.create(&asked())).unwrap();
        client.algorithm = Some("SHA512".to_owned());
        let result = use_key(&pair, &client.get(&asked()));
        assert_eq!(result, Err(ProofError::Signature), "{kind:?}");
        client.algorithm = None;
        client.digest = Digest::Sha512;
        let result = use_key(&pair, &client.get(&asked()));
        assert_eq!(result, Err(ProofError::Signature), "{kind:?}");
    }
}

#[test]
fn unknown_algorithms_are_refused_by_name() {
    let mut client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    for name in [
        "SHA1", "RSA-SHA1", "MD5", "none", "ES256", "SHA-256", "RSA-PSS", " SHA256",
    ] {
        client.algorithm = Some(name.to_owned());
        let result = register_key(&client.create(&asked()));
        assert!(is_malformed(&result, "attestationData"), "{name}");
        let result = use_key(&pair, &client.get(&asked()));
        assert!(is_malformed(&result, "algorithm"), "{name}");
    }
}

#[test]
fn a_digest_named_for_ed25519_is_refused() {
    let mut client = KeyClient::new(KeyKind::Ed25519);
    let pair = register_key(&client.create(&asked())).unwrap();
    client.algorithm = Some("SHA512".to_owned());
    assert_eq!(
        register_key(&client.create(&asked())),
        Err(ProofError::Mismatch)
    );
    let used = client.get(&asked());
    assert_eq!(use_key(&pair, &used), Err(ProofError::Mismatch));
    // Of an untrue signature it is not told, which shows that it was verified.
    let mut untrue = assertion(&used);
    untrue.signature[0] ^= 1;
    let signer = signer(Material::Key(pair));
    assert_eq!(
        Proofs.verify_assertion(&expected(), &signer, &untrue),
        Err(ProofError::Signature)
    );
}

#[test]
fn a_credential_is_only_used_as_what_it_is() {
    let client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    let mut device = PasskeyClient::new("https://one.example");
    let passkey = register_passkey(&expected(), &device.create(&asked())).unwrap();
    let materials = [
        Material::Fido2(passkey),
        Material::Key(pair.clone()),
        Material::PasswordProtectedKey(pair, encrypted()),
    ];
    let key = assertion(&client.get(&asked()));
    let mut protected = key.clone();
    protected.used = Used::PasswordProtectedKey { algorithm: None };
    let fido2 = assertion(&device.get(&asked()));
    for material in materials {
        for proof in [&key, &protected, &fido2] {
            let signer = signer(material.clone());
            let result = Proofs.verify_assertion(&expected(), &signer, proof);
            let fits = material.kind() == proof.used.kind();
            assert_eq!(
                result.is_ok(),
                fits,
                "{} as {}",
                material.kind(),
                proof.used.kind()
            );
            if !fits {
                assert_eq!(result, Err(ProofError::Mismatch));
            }
        }
    }
}

#[test]
fn a_proof_of_one_kind_does_not_make_another() {
    let client = KeyClient::new(KeyKind::P256);
    let key = client.create(&asked());
    let passkey = PasskeyClient::new("https://one.example").create(&asked());
    let as_passkey = Proofs.verify_creation(
        &expected(),
        &creation(Offered::Fido2(Transports::default()), &key),
    );
    assert_eq!(as_passkey, Err(ProofError::Type));
    for offered in [
        Offered::Key,
        Offered::PasswordProtectedKey(encrypted()),
        Offered::RecoveryKey(None),
    ] {
        let as_key = Proofs.verify_creation(&expected(), &creation(offered, &passkey));
        assert_eq!(as_key, Err(ProofError::Type));
    }
}

#[test]
fn any_changed_bit_of_an_assertion_is_noticed() {
    let client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    let signer = signer(Material::Key(pair));
    let good = assertion(&client.get(&asked()));
    for bit in 0..good.client_data.len() * 8 {
        let mut wrong = good.clone();
        wrong.client_data[bit / 8] ^= 1 << (bit % 8);
        let result = Proofs.verify_assertion(&expected(), &signer, &wrong);
        assert!(result.is_err(), "bit {bit} of the client data");
    }
    for bit in 0..good.signature.len() * 8 {
        let mut wrong = good.clone();
        wrong.signature[bit / 8] ^= 1 << (bit % 8);
        let result = Proofs.verify_assertion(&expected(), &signer, &wrong);
        assert_eq!(
            result,
            Err(ProofError::Signature),
            "bit {bit} of the signature"
        );
    }
}

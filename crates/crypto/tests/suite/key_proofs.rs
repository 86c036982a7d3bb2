//! Key pairs prove themselves in every way that published clients do.

use latchkey_crypto::proofs::Proofs;
use latchkey_domain::credential::Material;
use latchkey_service::ports::proof_verifier::{Offered, ProofVerifier as _, Used};
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    key::{ClientDataShape, KeyClient, PemForm, SignatureForm},
    key_pair::{Digest, KeyKind},
};

use crate::support::{
    asked, assertion, creation, encrypted, expected, register_key, signer, use_key,
};

/// Registers the client and uses it once.
fn assert_accepted(client: &KeyClient, case: &str) {
    let info = client.create(&asked());
    let pair = register_key(&info).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(pair.public_key.spki_der(), client.pair.spki_der(), "{case}");
    assert_eq!(use_key(&pair, &client.get(&asked())), Ok(()), "{case}");
}

#[test]
fn every_kind_of_key_proves_itself_with_its_default() {
    for kind in KeyKind::ALL {
        assert_accepted(&KeyClient::new(kind), &format!("{kind:?}"));
    }
}

#[test]
fn every_digest_goes_with_ecdsa_and_rsa() {
    let names = [
        (Digest::Sha256, "SHA256"),
        (Digest::Sha256, "sha256"),
        (Digest::Sha256, "RSA-SHA256"),
        (Digest::Sha384, "SHA384"),
        (Digest::Sha512, "SHA512"),
        (Digest::Sha256, ""),
    ];
    for kind in KeyKind::ALL {
        if kind == KeyKind::Ed25519 {
            continue;
        }
        let mut client = KeyClient::new(kind);
        for (digest, name) in names {
            client.digest = digest;
            client.algorithm = Some(name.to_owned());
            assert_accepted(&client, &format!("{kind:?} {name}"));
        }
    }
}

#[test]
fn the_client_data_of_every_published_client_is_accepted() {
    let mut client = KeyClient::new(KeyKind::P256);
    let python = ClientDataShape::Python {
        origin: "https://one.example".to_owned(),
    };
    for shape in [
        ClientDataShape::TypeScript,
        ClientDataShape::Go,
        ClientDataShape::Java,
        python,
    ] {
        client.client_data = shape.clone();
        assert_accepted(&client, &format!("{shape:?}"));
    }
}

#[test]
fn unknown_members_of_client_data_are_ignored() {
    let client = KeyClient::new(KeyKind::P256);
    let challenge = asked();
    let data = format!(
        r#" {{"x":{{"y":[1]}},"type":"key.create","challenge":"{challenge}","crossOrigin":null}} "#
    );
    assert!(register_key(&client.attest(data.as_bytes())).is_ok());
}

#[test]
fn the_challenge_is_accepted_plain_and_encoded_twice_padded_or_not() {
    let client = KeyClient::new(KeyKind::P256);
    let twice = ChallengeForm::EncodedTwice.apply(&asked());
    for challenge in [
        asked(),
        format!("{}=", asked()),
        twice.clone(),
        format!("{twice}=="),
    ] {
        let data = format!(r#"{{"type":"key.create","challenge":"{challenge}"}}"#);
        let pair = register_key(&client.attest(data.as_bytes())).unwrap();
        let data = format!(r#"{{"type":"key.get","challenge":"{challenge}"}}"#);
        assert_eq!(use_key(&pair, &client.assert(data.as_bytes())), Ok(()));
    }
}

#[test]
fn the_registration_signature_may_be_hex_or_base64url() {
    let mut client = KeyClient::new(KeyKind::P256);
    for form in [
        SignatureForm::Hex,
        SignatureForm::UpperHex,
        SignatureForm::Base64Url,
        SignatureForm::PaddedBase64Url,
    ] {
        client.signature_form = form;
        // Signatures differ from time to time: their lengths decide about the padding.
        for _ in 0..8 {
            assert_accepted(&client, &format!("{form:?}"));
        }
    }
}

#[test]
fn every_way_of_writing_pem_is_accepted() {
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa2048] {
        let mut client = KeyClient::new(kind);
        for form in PemForm::ALL_SPKI {
            client.pem_form = form;
            assert_accepted(&client, &format!("{kind:?} {form:?}"));
        }
    }
    let mut client = KeyClient::new(KeyKind::Rsa2048);
    client.pem_form = PemForm::Pkcs1;
    assert_accepted(&client, "PKCS#1");
}

#[test]
fn the_origin_is_recorded_and_not_checked() {
    let mut client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    assert_eq!(pair.origin, None);
    for (origin, recorded) in [
        (
            "https://elsewhere.example/",
            Some("https://elsewhere.example/"),
        ),
        ("anything", Some("anything")),
        ("", None),
    ] {
        client.client_data = ClientDataShape::Python {
            origin: origin.to_owned(),
        };
        let pair = register_key(&client.create(&asked())).unwrap();
        assert_eq!(pair.origin.as_deref(), recorded);
    }
}

#[test]
fn each_kind_of_credential_is_made_with_what_it_keeps() {
    let client = KeyClient::new(KeyKind::P256);
    let info = client.create(&asked());
    for offered in [
        Offered::Key,
        Offered::PasswordProtectedKey(encrypted()),
        Offered::RecoveryKey(None),
        Offered::RecoveryKey(Some(encrypted())),
    ] {
        let proof = creation(offered.clone(), &info);
        let material = Proofs.verify_creation(&expected(), &proof).unwrap();
        assert_eq!(material.kind(), offered.kind());
        assert_eq!(material.public_key().spki_der(), client.pair.spki_der());
        let kept = match offered {
            Offered::Fido2(_) | Offered::Key => None,
            Offered::PasswordProtectedKey(encrypted) => Some(encrypted),
            Offered::RecoveryKey(encrypted) => encrypted,
        };
        assert_eq!(material.encrypted_private_key(), kept.as_ref());
    }
}

#[test]
fn a_password_protected_key_is_used_as_one() {
    let client = KeyClient::new(KeyKind::P256);
    let pair = register_key(&client.create(&asked())).unwrap();
    let material = Material::PasswordProtectedKey(pair, encrypted());
    let mut proof = assertion(&client.get(&asked()));
    proof.used = Used::PasswordProtectedKey { algorithm: None };
    let state = Proofs.verify_assertion(&expected(), &signer(material), &proof);
    assert_eq!(state, Ok(None));
}

//! A recovery key proves that its holder wants exactly the new credentials that were received (API
//! contract §3.9).

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};
use latchkey_crypto::proofs::Proofs;
use latchkey_domain::credential::{CredentialReference, Material, key::KeyPair};
use latchkey_service::ports::proof_verifier::{ProofError, ProofVerifier as _, RecoveryProof};
use latchkey_testkit::authenticator::{
    key::KeyClient,
    key_pair::{Digest, KeyKind},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{asked, bytes, credential, encrypted, register_key};

/// As `JSON.stringify` writes it.
const NEW: &str =
    r#"{"firstFactorCredential":{"credentialKind":"Key","credentialInfo":{"credId":"é","n":1.0}}}"#;

fn client_data(challenge: &str) -> String {
    format!(r#"{{"type":"key.get","challenge":"{challenge}"}}"#)
}

fn proof(assertion: &Value) -> RecoveryProof {
    let id = assertion["credId"].as_str().unwrap();
    RecoveryProof {
        credential: CredentialReference::parse(id).unwrap(),
        client_data: bytes(assertion, "clientData"),
        signature: bytes(assertion, "signature"),
        algorithm: assertion["algorithm"].as_str().map(str::to_owned),
    }
}

fn pair_of(client: &KeyClient) -> KeyPair {
    register_key(&client.create(&asked())).unwrap()
}

/// What comes of client data signed by a recovery key when these new credentials are received.
fn recover_with(client_data: &str, received: &str) -> Result<(), ProofError> {
    let client = KeyClient::new(KeyKind::P256);
    let recovery_key = Material::RecoveryKey(pair_of(&client), Some(encrypted()));
    let proof = proof(&client.assert(client_data.as_bytes()));
    Proofs.confirm_recovery(&credential("any", recovery_key), received, &proof)
}

/// What comes of signing `signed` when `received` is received.
fn recover(signed: &str, received: &str) -> Result<(), ProofError> {
    let challenge = BASE64URL_NOPAD.encode(signed.as_bytes());
    recover_with(&client_data(&challenge), received)
}

#[test]
fn the_new_credentials_that_were_signed_are_accepted() {
    assert_eq!(recover(NEW, NEW), Ok(()));
}

#[test]
fn spacing_order_and_escapes_may_differ() {
    let other = r#" {"firstFactorCredential" : {
        "credentialInfo": {"n": 1.0, "credId": "\u00e9"}, "credentialKind": "Key" } } "#;
    assert_eq!(recover(other, NEW), Ok(()));
    assert_eq!(recover(NEW, other), Ok(()));
}

#[test]
fn the_challenge_may_be_padded() {
    for new in [r#"{"a":1}"#, r#"{"a":12}"#, r#"{"a":123}"#] {
        let padded = BASE64URL.encode(new.as_bytes());
        assert_eq!(recover_with(&client_data(&padded), new), Ok(()));
    }
}

#[test]
fn every_kind_of_key_recovers() {
    for kind in KeyKind::ALL {
        let client = KeyClient::new(kind);
        let recovery_key = Material::RecoveryKey(pair_of(&client), None);
        let challenge = BASE64URL_NOPAD.encode(NEW.as_bytes());
        let proof = proof(&client.assert(client_data(&challenge).as_bytes()));
        let recovery_key = credential("any", recovery_key);
        let outcome = Proofs.confirm_recovery(&recovery_key, NEW, &proof);
        assert_eq!(outcome, Ok(()), "{kind:?}");
    }
}

#[test]
fn a_digest_that_is_named_is_used() {
    let mut client = KeyClient::new(KeyKind::P256);
    let recovery_key = credential("any", Material::RecoveryKey(pair_of(&client), None));
    client.digest = Digest::Sha512;
    client.algorithm = Some("SHA512".to_owned());
    let challenge = BASE64URL_NOPAD.encode(NEW.as_bytes());
    let mut proof = proof(&client.assert(client_data(&challenge).as_bytes()));
    assert_eq!(Proofs.confirm_recovery(&recovery_key, NEW, &proof), Ok(()));
    proof.algorithm = None;
    assert_eq!(
        Proofs.confirm_recovery(&recovery_key, NEW, &proof),
        Err(ProofError::Signature)
    );
}

#[test]
fn other_new_credentials_than_were_signed_are_refused() {
    for changed in [
        NEW.replace("Key", "Fido2"),
        NEW.replace("1.0", "1"),
        NEW.replace("\"n\":1.0", "\"n\":1.0,\"m\":null"),
        format!("[{NEW}]"),
        "{}".to_owned(),
        "null".to_owned(),
    ] {
        assert_eq!(recover(&changed, NEW), Err(ProofError::OtherCredentials));
        assert_eq!(recover(NEW, &changed), Err(ProofError::OtherCredentials));
    }
}

#[test]
fn a_challenge_that_can_be_read_in_two_ways_is_refused() {
    let twice = NEW.replace("\"n\":1.0", "\"n\":1.0,\"n\":1.0");
    assert_eq!(recover(&twice, NEW), Err(ProofError::OtherCredentials));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert_eq!(recover(&deep, &deep), Err(ProofError::OtherCredentials));
    assert_eq!(
        recover(&format!("{NEW}{NEW}"), NEW),
        Err(ProofError::OtherCredentials)
    );
}

#[test]
fn the_challenge_of_the_init_call_is_refused() {
    let twice = BASE64URL_NOPAD.encode(asked().as_bytes());
    for challenge in [asked(), twice, String::new(), "é".to_owned()] {
        assert_eq!(
            recover_with(&client_data(&challenge), NEW),
            Err(ProofError::OtherCredentials)
        );
    }
}

#[test]
fn the_standard_alphabet_is_refused() {
    let new = r#"{"a":"~~~???"}"#;
    let challenge = BASE64.encode(new.as_bytes());
    assert!(challenge.contains(['+', '/']));
    assert_eq!(
        recover_with(&client_data(&challenge), new),
        Err(ProofError::OtherCredentials)
    );
}

#[test]
fn client_data_of_another_type_is_refused() {
    let challenge = BASE64URL_NOPAD.encode(NEW.as_bytes());
    for kind in ["key.create", "webauthn.get", ""] {
        let data = client_data(&challenge).replace("key.get", kind);
        assert_eq!(recover_with(&data, NEW), Err(ProofError::Type));
    }
}

#[test]
fn the_signature_of_another_key_is_refused() {
    let challenge = BASE64URL_NOPAD.encode(NEW.as_bytes());
    let other = KeyClient::new(KeyKind::P256).assert(client_data(&challenge).as_bytes());
    let pair = pair_of(&KeyClient::new(KeyKind::P256));
    let recovery_key = credential("any", Material::RecoveryKey(pair, None));
    assert_eq!(
        Proofs.confirm_recovery(&recovery_key, NEW, &proof(&other)),
        Err(ProofError::Signature)
    );
}

#[test]
fn no_other_kind_of_credential_recovers() {
    let client = KeyClient::new(KeyKind::P256);
    let challenge = BASE64URL_NOPAD.encode(NEW.as_bytes());
    let proof = proof(&client.assert(client_data(&challenge).as_bytes()));
    for material in [
        Material::Key(pair_of(&client)),
        Material::PasswordProtectedKey(pair_of(&client), encrypted()),
    ] {
        let other = credential("any", material);
        assert_eq!(
            Proofs.confirm_recovery(&other, NEW, &proof),
            Err(ProofError::Mismatch)
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered(
        client_data in prop::collection::vec(any::<u8>(), 0..200),
        challenge in prop::collection::vec(any::<u8>(), 0..100),
        received in any::<String>(),
    ) {
        let pair = KeyPair { public_key: latchkey_domain::credential::key::PublicKey::from_spki_der(vec![0; 9]), origin: None };
        let recovery_key = credential("any", Material::RecoveryKey(pair, None));
        let signed = self::client_data(&BASE64URL_NOPAD.encode(&challenge));
        for client_data in [client_data, signed.into_bytes()] {
            let proof = RecoveryProof {
                credential: CredentialReference::parse("any").unwrap(),
                client_data,
                signature: challenge.clone(),
                algorithm: None,
            };
            prop_assert!(Proofs.confirm_recovery(&recovery_key, &received, &proof).is_err());
        }
    }
}

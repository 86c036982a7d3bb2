//! What the tests have in common: the service's side of a ceremony.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use latchkey_crypto::proofs::Proofs;
use latchkey_domain::{
    application::{
        Application, Origin, RelyingParty, RpId, native::NativeApplications, pages::Pages,
    },
    challenge::ChallengeText,
    credential::{
        Credential, CredentialId, CredentialReference, CredentialState, MadeBy, Material,
        Provenance,
        key::{EncryptedPrivateKey, KeyPair},
        passkey::{Passkey, Transports},
        signer::Signer,
    },
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    text::{ApplicationName, CredentialName},
    time::Timestamp,
};
use latchkey_service::ports::proof_verifier::{
    AssertionProof, AuthenticatorState, CreationProof, Expected, Offered, ProofError,
    ProofVerifier as _, Used,
};
use serde_json::Value;

/// The challenge of all ceremonies in these tests.
pub(crate) fn challenge() -> ChallengeText {
    ChallengeText::parse(BASE64URL_NOPAD.encode(b"ch-0123456789abcdefghijklmnopqrst")).unwrap()
}

/// The text of [`challenge`].
pub(crate) fn asked() -> String {
    challenge().to_string()
}

pub(crate) fn application(number: u8, rp_id: &str, origins: &[&str]) -> Arc<Application> {
    let origins = origins
        .iter()
        .map(|origin| Origin::new(*origin).unwrap())
        .collect();
    Arc::new(Application {
        id: ApplicationId::from_random(&[number; 32]),
        organization: OrganizationId::from_random(&[1; 32]),
        name: ApplicationName::new("An application").unwrap(),
        relying_party: RelyingParty::new(RpId::new(rp_id).unwrap(), origins).unwrap(),
        native: NativeApplications::default(),
        pages: Pages::default(),
        is_active: true,
        created: Timestamp::from_unix_milliseconds(0),
    })
}

/// One application, `one.example`, and the challenge of these tests.
pub(crate) fn expected() -> Expected {
    expected_of(vec![application(
        1,
        "one.example",
        &["https://one.example"],
    )])
}

pub(crate) fn expected_of(applications: Vec<Arc<Application>>) -> Expected {
    Expected {
        challenge: challenge(),
        applications,
    }
}

/// The owner of all credentials in these tests.
pub(crate) fn owner() -> UserId {
    "us-6b58p-r53sr-rlrd3l5cj3uc4ome".parse().unwrap()
}

/// What a member of the wire JSON holds, as the HTTP layer decodes it.
pub(crate) fn bytes(wire: &Value, member: &str) -> Vec<u8> {
    let text = wire[member].as_str().unwrap().trim_end_matches('=');
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

pub(crate) fn creation(offered: Offered, info: &Value) -> CreationProof {
    CreationProof {
        credential_id: CredentialId::new(info["credId"].as_str().unwrap()).unwrap(),
        client_data: bytes(info, "clientData"),
        attestation_data: bytes(info, "attestationData"),
        offered,
    }
}

pub(crate) fn assertion(assertion: &Value) -> AssertionProof {
    let used = match assertion.get("authenticatorData") {
        None => Used::Key {
            algorithm: assertion["algorithm"].as_str().map(str::to_owned),
        },
        Some(_) => Used::Fido2 {
            authenticator_data: bytes(assertion, "authenticatorData"),
            user_handle: match assertion["userHandle"].as_str() {
                None | Some("") => None,
                Some(_) => Some(bytes(assertion, "userHandle")),
            },
        },
    };
    let id = assertion["credId"].as_str().unwrap();
    AssertionProof {
        credential: CredentialReference::parse(id).unwrap(),
        client_data: bytes(assertion, "clientData"),
        signature: bytes(assertion, "signature"),
        used,
    }
}

pub(crate) fn credential(id: &str, material: Material) -> Credential {
    Credential {
        uuid: CredentialUuid::from_random(&[1; 32]),
        organization: OrganizationId::from_random(&[1; 32]),
        user: owner(),
        id: CredentialId::new(id).unwrap(),
        name: CredentialName::default_credential(),
        material,
        provenance: Provenance {
            made_by: MadeBy::Registration,
            origin: None,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
        },
        state: CredentialState::Active,
        created: Timestamp::from_unix_milliseconds(0),
        last_used: None,
    }
}

/// What verifies assertions of a credential that is made of this.
pub(crate) fn signer(material: Material) -> Signer {
    Signer::of(&credential("any", material)).expect("it signs")
}

/// Registers the key pair of a `credentialInfo`.
pub(crate) fn register_key(info: &Value) -> Result<KeyPair, ProofError> {
    let proof = creation(Offered::Key, info);
    let material = Proofs.verify_creation(&expected(), &proof)?;
    let Material::Key(pair) = material else {
        panic!("a {} was made", material.kind());
    };
    Ok(pair)
}

/// Uses a key pair.
pub(crate) fn use_key(pair: &KeyPair, info: &Value) -> Result<(), ProofError> {
    let signer = signer(Material::Key(pair.clone()));
    let state = Proofs.verify_assertion(&expected(), &signer, &assertion(info))?;
    assert_eq!(state, None);
    Ok(())
}

/// Registers the passkey of a `credentialInfo`.
pub(crate) fn register_passkey(expected: &Expected, info: &Value) -> Result<Passkey, ProofError> {
    let proof = creation(Offered::Fido2(Transports::default()), info);
    let material = Proofs.verify_creation(expected, &proof)?;
    let Material::Fido2(passkey) = material else {
        panic!("a {} was made", material.kind());
    };
    Ok(passkey)
}

/// Uses a passkey.
pub(crate) fn use_passkey(
    expected: &Expected,
    passkey: &Passkey,
    info: &Value,
) -> Result<AuthenticatorState, ProofError> {
    let signer = signer(Material::Fido2(passkey.clone()));
    let state = Proofs.verify_assertion(expected, &signer, &assertion(info))?;
    Ok(state.expect("a passkey has a state"))
}

pub(crate) fn encrypted() -> EncryptedPrivateKey {
    EncryptedPrivateKey::new("encrypted").unwrap()
}

//! Any bytes give a refusal, never a panic.

use latchkey_crypto::proofs::Proofs;
use latchkey_domain::credential::{CredentialId, CredentialKind, Material, passkey::Transports};
use latchkey_service::ports::proof_verifier::{CreationProof, Offered, ProofVerifier as _, Used};
use latchkey_testkit::authenticator::{key::KeyClient, key_pair::KeyKind, passkey::PasskeyClient};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::support::{
    asked, assertion, bytes, creation, expected, register_key, register_passkey, signer,
};

/// Changes, removes or inserts a few bytes.
pub(crate) fn disturb(bytes: &mut Vec<u8>, changes: &[(Index, u8, u8)]) {
    for (place, how, value) in changes {
        if bytes.is_empty() {
            bytes.push(*value);
            continue;
        }
        let place = place.index(bytes.len());
        match how % 3 {
            0 => bytes[place] = *value,
            1 => bytes.insert(place, *value),
            _ => {
                bytes.remove(place);
            }
        }
    }
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    vec((any::<Index>(), any::<u8>(), any::<u8>()), 1..6)
}

/// A proof of this kind from nowhere.
fn proof(offered: Offered, client_data: Vec<u8>, attestation_data: Vec<u8>) -> CreationProof {
    CreationProof {
        credential_id: CredentialId::new("any").unwrap(),
        client_data,
        attestation_data,
        offered,
    }
}

proptest! {
    #[test]
    fn registrations_from_noise_are_refused(
        client_data in vec(any::<u8>(), 0..200),
        attestation in vec(any::<u8>(), 0..300),
    ) {
        for offered in [Offered::Fido2(Transports::default()), Offered::Key] {
            let noise = proof(offered.clone(), client_data.clone(), attestation.clone());
            prop_assert!(Proofs.verify_creation(&expected(), &noise).is_err());
            // Noise beside client data that are right.
            let ceremony = if offered.kind() == CredentialKind::Fido2 { "webauthn.create" } else { "key.create" };
            let right = format!(
                r#"{{"type":"{ceremony}","challenge":"{}","origin":"https://one.example"}}"#,
                asked()
            );
            let noise = proof(offered, right.into_bytes(), attestation.clone());
            prop_assert!(Proofs.verify_creation(&expected(), &noise).is_err());
        }
    }

    #[test]
    fn disturbed_registrations_never_panic(changes in changes(), client_data: bool) {
        let key = KeyClient::new(KeyKind::P256).create(&asked());
        let passkey = PasskeyClient::new("https://one.example").create(&asked());
        for (offered, info) in [(Offered::Key, key), (Offered::Fido2(Transports::default()), passkey)] {
            let mut proof = creation(offered, &info);
            let part = if client_data { &mut proof.client_data } else { &mut proof.attestation_data };
            disturb(part, &changes);
            let _ = Proofs.verify_creation(&expected(), &proof);
        }
    }

    #[test]
    fn disturbed_assertions_are_refused(changes in changes(), part in 0..3) {
        let client = KeyClient::new(KeyKind::P256);
        let pair = register_key(&client.create(&asked())).unwrap();
        let mut device = PasskeyClient::new("https://one.example");
        let passkey = register_passkey(&expected(), &device.create(&asked())).unwrap();
        for (material, info) in [
            (Material::Key(pair), client.get(&asked())),
            (Material::Fido2(passkey), device.get(&asked())),
        ] {
            let good = assertion(&info);
            let mut wrong = good.clone();
            let changed = match (part, &mut wrong.used) {
                (0, _) => &mut wrong.client_data,
                (1, Used::Fido2 { authenticator_data, .. }) => authenticator_data,
                _ => &mut wrong.signature,
            };
            disturb(changed, &changes);
            let result = Proofs.verify_assertion(&expected(), &signer(material), &wrong);
            prop_assert!(result.is_err() || wrong == good);
        }
    }

    #[test]
    fn any_text_as_public_key_is_refused(text in any::<String>()) {
        let client = KeyClient::new(KeyKind::P256);
        let data = client.client_data("key.create", &asked());
        let info = client.attest_with(data.as_bytes(), &text);
        prop_assert!(register_key(&info).is_err());
    }

    #[test]
    fn any_bytes_as_authenticator_data_are_refused(
        data in vec(any::<u8>(), 0..120),
        handle in proptest::option::of(vec(any::<u8>(), 0..40)),
    ) {
        let mut device = PasskeyClient::new("https://one.example");
        let passkey = register_passkey(&expected(), &device.create(&asked())).unwrap();
        let mut wrong = assertion(&device.get(&asked()));
        prop_assert!(!bytes(&device.get(&asked()), "authenticatorData").is_empty());
        wrong.used = Used::Fido2 { authenticator_data: data, user_handle: handle };
        let signer = signer(Material::Fido2(passkey));
        prop_assert!(Proofs.verify_assertion(&expected(), &signer, &wrong).is_err());
    }
}

//! What an authenticator can sign wrongly.

use data_encoding::BASE64URL_NOPAD;
use latchkey_crypto::proofs::Proofs;
use latchkey_domain::credential::{Material, passkey::Passkey};
use latchkey_service::ports::proof_verifier::{ProofError, ProofVerifier as _, Used};
use latchkey_testkit::authenticator::{
    key_pair::KeyKind,
    passkey::{BACKED_UP, BACKUP_ELIGIBLE, EXTENSIONS, PasskeyClient, Quirks},
};
use serde_json::Value;

use super::{ORIGIN, asked_for_owner, is_malformed, registered};
use crate::support::{
    application, asked, assertion, bytes, expected, expected_of, owner, register_passkey, signer,
    use_passkey,
};

#[test]
fn authenticator_data_with_a_fault_are_refused() {
    let right = Quirks::default;
    for (case, quirks) in [
        (
            "a byte more",
            Quirks {
                after_authenticator_data: vec![0],
                ..right()
            },
        ),
        (
            "a map more",
            Quirks {
                after_authenticator_data: vec![0xa0],
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
            "extensions that are no map",
            Quirks {
                extensions: Some(1.into()),
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
        (
            "eligible now, not before",
            Quirks {
                set_flags: BACKUP_ELIGIBLE,
                ..right()
            },
        ),
        (
            "eligible and backed up now, not before",
            Quirks {
                set_flags: BACKUP_ELIGIBLE | BACKED_UP,
                ..right()
            },
        ),
    ] {
        let (mut device, passkey) = registered();
        device.quirks = quirks;
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert!(
            is_malformed(&result, "authenticatorData"),
            "{case}: {result:?}"
        );
    }
}

#[test]
fn a_passkey_that_could_be_backed_up_and_no_longer_can_is_refused() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.set_flags = BACKUP_ELIGIBLE;
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    device.quirks.set_flags = 0;
    let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
    assert!(is_malformed(&result, "authenticatorData"));
}

#[test]
fn the_user_handle_of_somebody_else_is_refused() {
    let (mut device, passkey) = registered();
    let id = owner();
    for handle in [
        b"us-00000-00000-00000000000000".to_vec(),
        id.as_str().to_uppercase().into_bytes(),
        id.as_str().as_bytes()[..5].to_vec(),
        [id.as_str().as_bytes(), &[0]].concat(),
        vec![0],
    ] {
        device.quirks.user_handle = Some(Some(handle));
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert_eq!(result, Err(ProofError::UserHandle));
    }
}

#[test]
fn a_spoiled_signature_and_another_passkeys_are_refused() {
    let (mut device, passkey) = registered();
    device.quirks.spoil_signature = true;
    let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
    assert_eq!(result, Err(ProofError::Signature));

    let (mut other, _) = registered();
    let result = use_passkey(&expected(), &passkey, &other.get(&asked()));
    assert_eq!(result, Err(ProofError::Signature));
}

#[test]
fn a_signature_that_is_cut_or_longer_is_refused() {
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let mut device = PasskeyClient::with_key(ORIGIN, kind);
        let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
        let good = device.get(&asked());
        let signature = bytes(&good, "signature");
        let cut = signature[..signature.len() - 1].to_vec();
        let longer = [&signature[..], &[0]].concat();
        for wrong in [vec![], vec![0; signature.len()], cut, longer] {
            let mut used = good.clone();
            used["signature"] = BASE64URL_NOPAD.encode(&wrong).into();
            let result = use_passkey(&expected(), &passkey, &used);
            assert_eq!(result, Err(ProofError::Signature), "{kind:?}");
        }
    }
}

#[test]
fn a_counter_that_does_not_grow_is_noticed_when_the_signature_is_right() {
    for (before, now) in [(5, 5), (5, 4), (5, 0), (1, 1), (u32::MAX, 0)] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.counter = Some(before);
        let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
        device.quirks.counter = Some(now);
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert_eq!(result, Err(ProofError::CounterRegressed), "{before} {now}");
        // Anybody can send a low counter; only the authenticator can sign it.
        device.quirks.spoil_signature = true;
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert_eq!(result, Err(ProofError::Signature), "{before} {now}");
    }
}

/// Whether the proof is accepted with a changed part.
fn accepts(passkey: &Passkey, proof: &Value, changed: (&str, usize)) -> bool {
    let (member, bit) = changed;
    let mut wrong = assertion(proof);
    let part = match (member, &mut wrong.used) {
        ("clientData", _) => &mut wrong.client_data,
        (
            "authenticatorData",
            Used::Fido2 {
                authenticator_data, ..
            },
        ) => authenticator_data,
        (_, Used::Fido2 { .. } | Used::Key { .. } | Used::PasswordProtectedKey { .. }) => {
            &mut wrong.signature
        }
    };
    part[bit / 8] ^= 1 << (bit % 8);
    let signer = signer(Material::Fido2(passkey.clone()));
    Proofs
        .verify_assertion(&expected(), &signer, &wrong)
        .is_ok()
}

#[test]
fn any_changed_bit_of_an_assertion_is_noticed() {
    let (mut device, passkey) = registered();
    let good = device.get(&asked());
    for member in ["clientData", "authenticatorData", "signature"] {
        for bit in 0..bytes(&good, member).len() * 8 {
            let accepted = accepts(&passkey, &good, (member, bit));
            assert!(!accepted, "bit {bit} of {member}");
        }
    }
}

#[test]
fn whose_rp_id_a_passkey_has_is_told_of_a_true_signature_alone() {
    let (device, passkey) = registered();
    let elsewhere = "https://two.example";
    let expected = expected_of(vec![application(2, "two.example", &[elsewhere])]);
    let mut device = device.rp_id("two.example");
    device.origin = elsewhere.to_owned();
    let signer = signer(Material::Fido2(passkey));
    let mut proof = assertion(&device.get(&asked()));
    assert_eq!(
        Proofs.verify_assertion(&expected, &signer, &proof),
        Err(ProofError::Origin)
    );
    proof.signature[0] ^= 1;
    assert_eq!(
        Proofs.verify_assertion(&expected, &signer, &proof),
        Err(ProofError::Signature)
    );
}

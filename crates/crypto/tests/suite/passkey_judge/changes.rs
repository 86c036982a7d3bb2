//! Proofs with anything changed in them, and with every flag and counter.

use ciborium::Value as Cbor;
use latchkey_domain::credential::key::PublicKey;
use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{
    key_pair::KeyKind,
    passkey::{ATTESTED, BACKED_UP, BACKUP_ELIGIBLE, EXTENSIONS, USER_PRESENT, USER_VERIFIED},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use super::{BOTH, Device, Proof, authenticator_data, cbor, client_data, judge, ours};
use crate::{
    arbitrary_bytes::{changes, disturb},
    support::{asked, bytes, expected, register_passkey},
    vectors::PYTHON,
};

#[test]
fn what_is_right_is_right_to_both() {
    for kind in BOTH {
        let device = Device::new(kind);
        assert!(device.judge(&device.good(), "good").is_ok());
        let plain = client_data(&json!({"challenge": asked()}));
        let good = device.sign(&plain, &device.good().authenticator_data);
        assert!(device.judge(&good, "the other form").is_ok());
    }
}

/// The proof with each of its bits changed, and the part that it is in. The signature of RSA has two
/// thousand bits, of which one is as good as its neighbour.
fn changed_bits(good: &Proof) -> impl Iterator<Item = (usize, String, Proof)> {
    (0..3).flat_map(move |part| {
        let length = good.clone().parts()[part].len();
        let step = if part == 2 && length == 256 { 7 } else { 1 };
        (0..length * 8).step_by(step).map(move |bit| {
            let mut changed = good.clone();
            changed.parts()[part][bit / 8] ^= 1 << (bit % 8);
            (part, format!("bit {bit} of part {part}"), changed)
        })
    })
}

#[test]
fn every_changed_bit_gets_one_verdict_signed_anew_or_not() {
    for kind in BOTH {
        let device = Device::new(kind);
        for (part, case, changed) in changed_bits(&device.good()) {
            assert!(device.judge(&changed, &case).is_err(), "{case}");
            if kind == KeyKind::P256 {
                let anew = device.sign(&changed.client_data, &changed.authenticator_data);
                if part == 1 {
                    device.judge_strictly(&anew, &case);
                } else {
                    let _ = device.judge(&anew, &case);
                }
            }
        }
    }
}

#[test]
fn what_other_software_made_and_every_changed_bit_of_it_get_one_verdict() {
    let vectors: Value = serde_json::from_str(PYTHON).unwrap();
    for vector in vectors["passkeys"].as_array().unwrap() {
        let name = &vector["name"];
        let passkey = register_passkey(&expected(), &vector["create"]).unwrap();
        let good = Proof {
            client_data: bytes(&vector["get"], "clientData"),
            authenticator_data: bytes(&vector["get"], "authenticatorData"),
            signature: bytes(&vector["get"], "signature"),
        };
        assert!(judge(&passkey, &good, "good").is_ok(), "{name}");
        for (_, case, changed) in changed_bits(&good) {
            let case = format!("{name}: {case}");
            assert!(judge(&passkey, &changed, &case).is_err(), "{case}");
        }
    }
}

#[test]
fn every_part_cut_anywhere_or_lengthened_gets_one_verdict() {
    for kind in BOTH {
        let device = Device::new(kind);
        let good = device.good();
        for part in 0..3 {
            let whole = good.clone().parts()[part].clone();
            let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
            let longer = [0, 1, b' ', b'}', 0xa0].map(|byte| [&whole[..], &[byte]].concat());
            for bytes in cut.chain(longer) {
                let case = format!("{kind:?}: part {part} is {bytes:02x?}");
                let mut changed = good.clone();
                *changed.parts()[part] = bytes;
                let _ = device.judge(&changed, &case);
                if part < 2 && kind == KeyKind::P256 {
                    let anew = device.sign(&changed.client_data, &changed.authenticator_data);
                    let _ = device.judge(&anew, &case);
                }
            }
        }
    }
}

#[test]
fn all_flags_and_counters_get_one_verdict() {
    let mut device = Device::new(KeyKind::P256);
    let attested = [&[7; 16][..], &[0, 3], b"abc", &[0xa0]].concat();
    let mut accepted = 0;
    for (eligible, backed_up) in [(false, false), (true, false), (true, true)] {
        device.passkey.backup_eligible = eligible;
        device.passkey.backed_up = backed_up;
        for flags in 0..=u8::MAX {
            let mut rest = vec![];
            if flags & ATTESTED != 0 {
                rest.extend(&attested);
            }
            if flags & EXTENSIONS != 0 {
                rest.push(0xa0);
            }
            let data = authenticator_data(flags, 6, &rest);
            let proof = device.sign(&client_data(&json!({})), &data);
            let case = format!("{flags:#b}, eligible: {eligible}");
            device.judge_strictly(&proof, &case);
            accepted += usize::from(ours(&device.passkey, &proof).is_ok());
        }
    }
    // Four flags say nothing here, and a passkey that may be backed up is or is not.
    assert_eq!(accepted, 16 * (1 + 2 + 2));
    for (before, now) in [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (1, 2),
        (u32::MAX, 0),
        (u32::MAX - 1, u32::MAX),
        (u32::MAX, u32::MAX),
    ] {
        device.passkey = Device::new(KeyKind::P256).passkey;
        device.passkey.public_key = PublicKey::from_spki_der(device.pair.spki_der());
        device.passkey.sign_count = before;
        let data = authenticator_data(USER_PRESENT | USER_VERIFIED, now, &[]);
        let proof = device.sign(&client_data(&json!({})), &data);
        device.judge_strictly(&proof, &format!("{before} {now}"));
    }
}

#[test]
fn a_passkey_with_a_key_that_is_not_offered_verifies_nothing() {
    for kind in [
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Secp256k1,
        KeyKind::Ed25519,
    ] {
        let device = Device::new(kind);
        let refused = ours(&device.passkey, &device.good());
        assert_eq!(refused, Err(ProofError::UnsupportedKey), "{kind:?}");
    }
}

#[test]
fn whoever_cannot_sign_learns_nothing_of_what_is_kept() {
    let mut device = Device::new(KeyKind::P256);
    for (flags, counter) in [
        (BACKUP_ELIGIBLE, 6),
        (BACKUP_ELIGIBLE | BACKED_UP, 6),
        (0, 0),
    ] {
        let data = authenticator_data(USER_PRESENT | USER_VERIFIED | flags, counter, &[]);
        let forger = Device::new(KeyKind::P256);
        let proof = forger.sign(&client_data(&json!({})), &data);
        for eligible in [false, true] {
            device.passkey.backup_eligible = eligible;
            let refused = device.judge(&proof, "forged");
            assert_eq!(refused, Err(ProofError::Signature), "{flags:#b}");
        }
    }
}

proptest! {
    #[test]
    fn disturbed_proofs_get_one_verdict(
        changes in changes(),
        part in 0_usize..3,
        anew: bool,
        extended: bool,
        rest in vec(any::<u8>(), 0..20),
        place: Index,
    ) {
        let device = Device::new(KeyKind::P256);
        let mut proof = device.good();
        if extended {
            let members = vec![("a".into(), Cbor::Bytes(rest))];
            let flags = USER_PRESENT | USER_VERIFIED | EXTENSIONS;
            let data = authenticator_data(flags, 6, &cbor(&Cbor::Map(members)));
            let bit = place.index(8);
            let client_data = client_data(&json!({"x": 1 << bit}));
            proof = device.sign(&client_data, &data);
        }
        disturb(proof.parts()[part], &changes);
        if anew {
            proof = device.sign(&proof.client_data, &proof.authenticator_data);
        }
        let _ = device.judge(&proof, "disturbed");
    }
}

//! Passkeys prove themselves in every way that browsers, platforms and authenticators do.

use ciborium::Value as Cbor;
use latchkey_crypto::proofs::Proofs;
use latchkey_domain::credential::{
    Material,
    passkey::{Aaguid, Passkey, Transports},
};
use latchkey_service::ports::proof_verifier::{Expected, Offered, ProofError, ProofVerifier as _};
use latchkey_testkit::authenticator::{
    asked::{Asked, ChallengeForm},
    independent::IndependentPasskey,
    key_pair::KeyKind,
    passkey::{BACKED_UP, BACKUP_ELIGIBLE, PasskeyClient},
};

use crate::support::{
    application, asked, creation, expected, expected_of, owner, register_passkey, use_passkey,
};

const ORIGIN: &str = "https://one.example";

fn asked_for_owner() -> Asked {
    Asked {
        challenge: asked(),
        user_id: Some(owner().to_string()),
        ..Asked::default()
    }
}

/// Registers the device and signs in with it twice.
fn assert_accepted(expected: &Expected, device: &mut PasskeyClient, case: &str) -> Passkey {
    let info = device.create(asked_for_owner());
    let mut passkey = register_passkey(expected, &info)
        .unwrap_or_else(|error| panic!("{case}: registration: {error}"));
    for _ in 0..2 {
        let state = use_passkey(expected, &passkey, &device.get(&asked()))
            .unwrap_or_else(|error| panic!("{case}: sign-in: {error}"));
        passkey.sign_count = state.sign_count;
        passkey.backed_up = state.backed_up;
    }
    passkey
}

#[test]
fn both_algorithms_and_both_challenge_forms_are_accepted() {
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        for form in [ChallengeForm::Plain, ChallengeForm::EncodedTwice] {
            let mut device = PasskeyClient::with_key(ORIGIN, kind).challenge_form(form);
            let passkey = assert_accepted(&expected(), &mut device, &format!("{kind:?} {form:?}"));
            assert_eq!(passkey.public_key.spki_der(), device.spki_der());
            assert_eq!(passkey.sign_count, 2);
        }
    }
}

#[tokio::test]
async fn passkeys_that_nobody_here_wrote_are_accepted() {
    let expected = expected_of(vec![
        application(
            1,
            "one.example",
            &[ORIGIN, "https://login.one.example:8443"],
        ),
        application(2, "one.localhost", &["http://one.localhost:8080"]),
    ]);
    for (origin, rp_id) in [
        (ORIGIN, "one.example"),
        ("https://login.one.example:8443", "one.example"),
        ("http://one.localhost:8080", "one.localhost"),
    ] {
        for form in [ChallengeForm::Plain, ChallengeForm::EncodedTwice] {
            let mut device = IndependentPasskey::new(origin)
                .rp_id(rp_id)
                .challenge_form(form)
                .counting();
            let info = device.create(asked_for_owner()).await;
            let passkey = register_passkey(&expected, &info).unwrap();
            assert_eq!(passkey.origin.as_str(), origin);
            assert_eq!(passkey.rp_id.as_str(), rp_id);
            let used = device.get(&asked()).await;
            assert!(used["userHandle"].is_string());
            let state = use_passkey(&expected, &passkey, &used).unwrap();
            assert!(state.sign_count > passkey.sign_count);
        }
    }
}

#[tokio::test]
async fn passkeys_that_do_not_count_are_accepted() {
    let mut device = IndependentPasskey::new(ORIGIN);
    let info = device.create(asked_for_owner()).await;
    let passkey = register_passkey(&expected(), &info).unwrap();
    for _ in 0..2 {
        let used = device.get(&asked()).await;
        let state = use_passkey(&expected(), &passkey, &used).unwrap();
        assert_eq!(state.sign_count, 0);
    }
}

#[test]
fn the_application_is_the_one_that_both_rp_id_and_origin_fit() {
    let expected = expected_of(vec![
        application(1, "two.example", &["https://two.example"]),
        application(2, "one.example", &["https://a.one.example"]),
        application(3, "one.example", &[ORIGIN, "https://b.one.example"]),
    ]);
    for (number, origin) in [
        (2, "https://a.one.example"),
        (3, "https://b.one.example"),
        (3, ORIGIN),
    ] {
        let mut device = PasskeyClient::new(origin).rp_id("one.example");
        let passkey = assert_accepted(&expected, &mut device, origin);
        let application = &expected.applications[number - 1];
        assert_eq!(passkey.application, application.id);
        assert_eq!(passkey.origin.as_str(), origin);
        assert_eq!(passkey.rp_id.as_str(), "one.example");
    }
}

#[test]
fn passkeys_of_related_origins_are_accepted() {
    let origins = ["https://a.example", "https://b.example"];
    let expected = expected_of(vec![application(1, "a.example", &origins)]);
    let mut device = PasskeyClient::new("https://b.example").rp_id("a.example");
    let passkey = assert_accepted(&expected, &mut device, "related");
    assert_eq!(passkey.origin.as_str(), "https://b.example");
    assert_eq!(passkey.rp_id.as_str(), "a.example");
    // The same passkey, where the RP id is at home.
    device.origin = "https://a.example".to_owned();
    use_passkey(&expected, &passkey, &device.get(&asked())).unwrap();
    // Another page that the application does not list.
    device.origin = "https://c.example".to_owned();
    let refused = use_passkey(&expected, &passkey, &device.get(&asked()));
    assert!(matches!(refused, Err(ProofError::Origin)), "{refused:?}");
}

#[test]
fn a_passkey_works_for_another_application_with_its_rp_id() {
    let one = expected_of(vec![application(1, "one.example", &[ORIGIN])]);
    let other = expected_of(vec![application(
        2,
        "one.example",
        &["https://b.one.example"],
    )]);
    let mut device = PasskeyClient::new(ORIGIN);
    let passkey = assert_accepted(&one, &mut device, "made");
    device.origin = "https://b.one.example".to_owned();
    assert!(use_passkey(&other, &passkey, &device.get(&asked())).is_ok());
}

#[test]
fn native_and_local_origins_are_accepted() {
    let android = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    for (origin, rp_id) in [
        (android, "one.example"),
        ("https://one.example:8443", "one.example"),
        ("http://localhost:3000", "localhost"),
        ("http://one.localhost:8080", "one.localhost"),
    ] {
        let expected = expected_of(vec![application(1, rp_id, &[origin])]);
        let mut device = PasskeyClient::new(origin).rp_id(rp_id);
        assert_accepted(&expected, &mut device, origin);
    }
}

#[test]
fn client_data_of_all_platforms_are_accepted() {
    for (case, members) in [
        ("iOS without crossOrigin", vec![("crossOrigin", None)]),
        (
            "crossOrigin null",
            vec![("crossOrigin", Some(serde_json::Value::Null))],
        ),
        (
            "Chrome's reminder",
            vec![(
                "other_keys_can_be_added_here",
                Some("do not compare".into()),
            )],
        ),
        (
            "Android's package",
            vec![("androidPackageName", Some("com.example".into()))],
        ),
    ] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.client_data = members;
        assert_accepted(&expected(), &mut device, case);
    }
}

#[test]
fn attestation_statements_are_not_looked_at() {
    let statement = |text: &str| Cbor::Map(vec![("sig".into(), Cbor::Bytes(text.into()))]);
    for format in [
        "none",
        "packed",
        "tpm",
        "android-key",
        "android-safetynet",
        "fido-u2f",
        "apple",
        "compound",
        "nobody-knows",
    ] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.attestation = Some((format, statement("rubbish")));
        assert_accepted(&expected(), &mut device, format);
    }
}

#[test]
fn extensions_of_the_authenticator_are_accepted() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.extensions = Some(Cbor::Map(vec![("credProtect".into(), 2.into())]));
    let info = device.create(asked_for_owner());
    let passkey = register_passkey(&expected(), &info).unwrap();
    device.quirks.extensions = Some(Cbor::Map(vec![("unknown".into(), true.into())]));
    assert!(use_passkey(&expected(), &passkey, &device.get(&asked())).is_ok());
}

#[test]
fn what_the_authenticator_says_is_recorded() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.aaguid = [7; 16];
    device.quirks.counter = Some(41);
    device.quirks.set_flags = BACKUP_ELIGIBLE | BACKED_UP;
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    assert_eq!(passkey.aaguid, Aaguid::new([7; 16]));
    assert_eq!(passkey.sign_count, 41);
    assert!(passkey.backup_eligible && passkey.backed_up);
}

#[test]
fn the_backup_state_may_change() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.set_flags = BACKUP_ELIGIBLE;
    let mut passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    for flags in [BACKUP_ELIGIBLE | BACKED_UP, BACKUP_ELIGIBLE] {
        device.quirks.set_flags = flags;
        let state = use_passkey(&expected(), &passkey, &device.get(&asked())).unwrap();
        assert_eq!(state.backed_up, flags & BACKED_UP != 0);
        passkey.sign_count = state.sign_count;
        passkey.backed_up = state.backed_up;
    }
}

#[test]
fn counters_may_stay_at_zero_or_grow_at_will() {
    for (before, now) in [(0, 0), (0, 1), (0, u32::MAX), (5, 6), (5, 500)] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.counter = Some(before);
        let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
        device.quirks.counter = Some(now);
        let state = use_passkey(&expected(), &passkey, &device.get(&asked())).unwrap();
        assert_eq!(state.sign_count, now);
    }
}

#[test]
fn a_user_handle_may_be_absent_or_empty() {
    let mut device = PasskeyClient::new(ORIGIN);
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    for handle in [
        None,
        Some(vec![]),
        Some(owner().as_str().as_bytes().to_vec()),
    ] {
        device.quirks.counter = Some(0);
        device.quirks.user_handle = Some(handle.clone());
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert!(result.is_ok(), "{handle:?}");
    }
}

#[test]
fn a_passkey_keeps_the_transports_that_its_client_named() {
    let mut device = PasskeyClient::new(ORIGIN);
    let transports = Transports::among(["internal", "hybrid"]);
    let offered = Offered::Fido2(transports.clone());
    let proof = creation(offered, &device.create(asked_for_owner()));
    let made = Proofs.verify_creation(&expected(), &proof).unwrap();
    let Material::Fido2(passkey) = made else {
        panic!("no passkey was made");
    };
    assert_eq!(passkey.transports, transports);
}

#[test]
fn padded_base64url_is_accepted() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.padded = true;
    assert_accepted(&expected(), &mut device, "padded");
}

#[test]
fn credential_ids_of_all_lengths_are_accepted() {
    for length in [1, 2, 3, 16, 64, 1023] {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.attested_id = Some(vec![7; length]);
        assert_accepted(&expected(), &mut device, &format!("{length} bytes"));
    }
}

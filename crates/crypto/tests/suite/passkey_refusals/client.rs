//! What a client can say wrongly, in both ceremonies.

use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    passkey::{PasskeyClient, Quirks, USER_PRESENT, USER_VERIFIED},
};
use serde_json::Value;

use super::{ORIGIN, asked_for_owner, is_malformed, registered};
use crate::support::{application, asked, expected, expected_of, register_passkey, use_passkey};

/// Both ceremonies are refused with this error when the device does this.
fn assert_refused(case: &str, error: &ProofError, spoil: impl Fn(&mut PasskeyClient)) {
    let mut device = PasskeyClient::new(ORIGIN);
    spoil(&mut device);
    let result = register_passkey(&expected(), &device.create(asked_for_owner()));
    assert_eq!(result.as_ref(), Err(error), "{case} at registration");

    let (mut device, passkey) = registered();
    spoil(&mut device);
    let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
    assert_eq!(result.as_ref(), Err(error), "{case} at sign-in");
}

/// The same for a device whose client data have another member, or lack it.
fn assert_member_refused(name: &'static str, value: Option<&str>, error: &ProofError) {
    assert_value_refused(name, value.map(Value::from).as_ref(), error);
}

fn assert_value_refused(name: &'static str, value: Option<&Value>, error: &ProofError) {
    let case = format!("{name} {value:?}");
    assert_refused(&case, error, |device| {
        device.quirks.client_data = vec![(name, value.cloned())];
    });
}

#[test]
fn the_type_of_another_ceremony_is_refused() {
    for other in [
        "webauthn.other",
        "key.create",
        "key.get",
        "WEBAUTHN.GET",
        "",
    ] {
        assert_member_refused("type", Some(other), &ProofError::Type);
    }
}

#[test]
fn another_challenge_is_refused() {
    let twice = ChallengeForm::EncodedTwice.apply(&asked());
    for other in [
        "",
        "Y2gtMA",
        "ch-0123456789abcdefghijklmnopqrst",
        &asked().to_uppercase(),
        &ChallengeForm::EncodedTwice.apply(&twice),
    ] {
        assert_member_refused("challenge", Some(other), &ProofError::Challenge);
    }
}

#[test]
fn an_origin_that_is_not_exactly_an_allowed_one_is_refused() {
    for other in [
        "https://two.example",
        "https://a.one.example",
        "https://one.example:8443",
        "https://one.example:443",
        "http://one.example",
        "https://one.example/",
        "https://one.example/path",
        "https://name@one.example",
        "https://ONE.example",
        "https://one.example.",
        " https://one.example",
        "one.example",
        "null",
        "",
    ] {
        assert_member_refused("origin", Some(other), &ProofError::Origin);
    }
    assert_member_refused("origin", None, &ProofError::Origin);
}

#[test]
fn another_rp_id_is_refused() {
    for other in [
        "two.example",
        "a.one.example",
        "example",
        "https://one.example",
        "",
    ] {
        assert_refused(other, &ProofError::Origin, |device| {
            other.clone_into(&mut device.rp_id);
        });
    }
}

#[test]
fn a_frame_of_another_origin_is_refused() {
    assert_value_refused("crossOrigin", Some(&true.into()), &ProofError::CrossOrigin);
    assert_member_refused("topOrigin", Some(ORIGIN), &ProofError::CrossOrigin);
}

#[test]
fn a_user_who_is_not_there_or_not_verified_is_refused() {
    for flags in [USER_PRESENT, USER_VERIFIED, USER_PRESENT | USER_VERIFIED] {
        let case = format!("without flags {flags:#b}");
        assert_refused(&case, &ProofError::UserVerification, |device| {
            device.quirks = Quirks {
                clear_flags: flags,
                ..Quirks::default()
            };
        });
    }
}

#[test]
fn one_ceremony_does_not_stand_for_the_other() {
    let (mut device, passkey) = registered();
    device.quirks.client_data = vec![("type", Some("webauthn.create".into()))];
    let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
    assert_eq!(result, Err(ProofError::Type));
    device.quirks.client_data = vec![("type", Some("webauthn.get".into()))];
    let result = register_passkey(&expected(), &device.create(asked_for_owner()));
    assert_eq!(result, Err(ProofError::Type));
}

#[test]
fn client_data_that_can_be_read_in_two_ways_or_none_are_refused() {
    let challenge = ChallengeForm::EncodedTwice.apply(&asked());
    for ceremony in ["webauthn.create", "webauthn.get"] {
        for data in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            format!(
                r#"{{"type":"{ceremony}","challenge":"{challenge}","origin":"{ORIGIN}","origin":"{ORIGIN}"}}"#
            ),
            format!(
                r#"{{"type":"{ceremony}","challenge":"{challenge}","origin":"{ORIGIN}","x":{{"y":1,"y":2}}}}"#
            ),
            format!(r#"{{"type":"{ceremony}","challenge":"{challenge}","origin":["{ORIGIN}"]}}"#),
            format!(
                r#"{{"type":"{ceremony}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":"false"}}"#
            ),
        ] {
            let (mut device, passkey) = registered();
            device.quirks.raw_client_data = Some(data.clone().into_bytes());
            let refused = if ceremony == "webauthn.get" {
                let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
                is_malformed(&result, "clientData")
            } else {
                let result = register_passkey(&expected(), &device.create(asked_for_owner()));
                is_malformed(&result, "clientData")
            };
            assert!(refused, "{data}");
        }
    }
}

#[test]
fn rp_id_and_origin_of_two_applications_are_refused_together() {
    let expected = expected_of(vec![
        application(1, "one.example", &[ORIGIN]),
        application(2, "two.example", &["https://two.example"]),
    ]);
    let mut device = PasskeyClient::new(ORIGIN).rp_id("two.example");
    let result = register_passkey(&expected, &device.create(asked_for_owner()));
    assert_eq!(result, Err(ProofError::Origin));
}

#[test]
fn a_passkey_of_one_rp_id_does_not_sign_in_at_another() {
    let expected = expected_of(vec![
        application(1, "one.example", &[ORIGIN]),
        application(2, "two.example", &["https://two.example"]),
    ]);
    let mut device = PasskeyClient::new(ORIGIN);
    let passkey = register_passkey(&expected, &device.create(asked_for_owner())).unwrap();
    // An authenticator that does not care where it signs.
    device.origin = "https://two.example".to_owned();
    device.rp_id = "two.example".to_owned();
    let result = use_passkey(&expected, &passkey, &device.get(&asked()));
    assert_eq!(result, Err(ProofError::Origin));
}

#[test]
fn without_an_application_nothing_is_accepted() {
    let (mut device, passkey) = registered();
    let nowhere = expected_of(vec![]);
    let result = register_passkey(&nowhere, &device.create(asked_for_owner()));
    assert_eq!(result, Err(ProofError::Origin));
    let result = use_passkey(&nowhere, &passkey, &device.get(&asked()));
    assert_eq!(result, Err(ProofError::Origin));
}

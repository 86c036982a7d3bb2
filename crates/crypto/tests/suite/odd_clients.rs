//! What clients and authenticators write in more than one way: CBOR, user handles and client data.

use ciborium::Value as Cbor;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{
    asked::{Asked, ChallengeForm},
    key::KeyClient,
    key_pair::{KeyKind, KeyPair},
    passkey::{EXTENSIONS, PasskeyClient, cose_key},
};
use serde_json::{Value, json};

use crate::support::{
    asked, bytes, expected, owner, register_key, register_passkey, use_key, use_passkey,
};

const ORIGIN: &str = "https://one.example";
const MAPS: &str = include_str!("../data/vectors_cbor.json");
const HANDLES: &str = include_str!("../data/vectors_user_handles.json");

/// What UTF-8 may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

struct Vector {
    name: String,
    bytes: Vec<u8>,
    is_accepted: bool,
}

fn vectors(file: &str, list: &str) -> Vec<Vector> {
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file[list].as_array().unwrap().iter();
    vectors
        .map(|vector| Vector {
            name: vector["name"].as_str().unwrap().to_owned(),
            bytes: HEXLOWER
                .decode(vector["bytes"].as_str().unwrap().as_bytes())
                .unwrap(),
            is_accepted: vector["accepted"].as_bool().unwrap(),
        })
        .collect()
}

fn asked_for_owner() -> Asked {
    Asked {
        challenge: asked(),
        user_id: Some(owner().to_string()),
        ..Asked::default()
    }
}

fn encoded(value: &Cbor) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// The attestation object with that statement, as it is.
fn with_statement(info: &Value, statement: &[u8]) -> Value {
    let object: Cbor = ciborium::from_reader(&bytes(info, "attestationData")[..]).unwrap();
    let text = |name: &str| encoded(&Cbor::from(name));
    let data = object.as_map().unwrap()[2].1.clone();
    let object = [
        vec![0xa3],
        text("fmt"),
        text("packed"),
        text("attStmt"),
        statement.to_vec(),
        text("authData"),
        encoded(&data),
    ];
    let mut info = info.clone();
    info["attestationData"] = BASE64URL_NOPAD.encode(&object.concat()).into();
    info
}

#[test]
fn a_statement_is_read_unless_it_can_be_understood_in_two_ways() {
    let mut device = PasskeyClient::new(ORIGIN);
    let info = device.create(asked_for_owner());
    for Vector {
        name,
        bytes,
        is_accepted,
    } in vectors(MAPS, "maps")
    {
        let result = register_passkey(&expected(), &with_statement(&info, &bytes));
        assert_eq!(result.is_ok(), is_accepted, "{name}: {result:?}");
        let is_told = matches!(
            &result,
            Err(ProofError::Malformed { part, .. }) if *part == "attestationData"
        );
        assert!(is_accepted || is_told, "{name}: {result:?}");
    }
}

#[test]
fn extensions_that_can_be_understood_in_two_ways_are_refused_in_both_ceremonies() {
    let extended = |bytes: Vec<u8>| {
        let mut device = PasskeyClient::new(ORIGIN);
        let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
        device.quirks.set_flags = EXTENSIONS;
        device.quirks.after_authenticator_data = bytes;
        let used = use_passkey(&expected(), &passkey, &device.get(&asked())).map(|_state| ());
        let made = register_passkey(&expected(), &device.create(asked_for_owner()));
        [
            (used, "must be well-formed, with nothing after it"),
            (
                made.map(|_passkey| ()),
                "must have well-formed authenticator data, and nothing after them",
            ),
        ]
    };
    for vector in vectors(MAPS, "maps") {
        for (result, refused) in extended(vector.bytes) {
            // What is well-formed may be refused for what it says.
            let is_refused_here = matches!(
                &result,
                Err(ProofError::Malformed { problem, .. }) if *problem == refused
            );
            let name = &vector.name;
            assert_eq!(is_refused_here, !vector.is_accepted, "{name}: {result:?}");
        }
    }
}

#[test]
fn a_public_key_may_be_in_any_order_but_not_twice() {
    let key = cose_key(&KeyPair::generate(KeyKind::P256));
    let members = key.as_map().unwrap().clone();
    let with = |key: Vec<(Cbor, Cbor)>| {
        let mut device = PasskeyClient::new(ORIGIN);
        device.quirks.public_key = Some(Cbor::Map(key));
        register_passkey(&expected(), &device.create(asked_for_owner()))
    };
    let reversed: Vec<_> = members.iter().rev().cloned().collect();
    assert!(with(reversed).is_ok());
    for member in &members {
        let repeated: Vec<_> = members.iter().chain([member]).cloned().collect();
        let result = with(repeated);
        assert!(
            matches!(result, Err(ProofError::Malformed { .. })),
            "{member:?}: {result:?}"
        );
    }
    let inner = Cbor::Map(vec![(1.into(), 2.into()), (1.into(), 3.into())]);
    let more = [(Cbor::from(-70_001), inner)];
    let result = with(members.iter().cloned().chain(more).collect());
    assert!(
        matches!(result, Err(ProofError::Malformed { .. })),
        "{result:?}"
    );
}

#[test]
fn every_user_handle_that_names_the_user_is_accepted_and_no_other() {
    let file: Value = serde_json::from_str(HANDLES).unwrap();
    assert_eq!(file["user"], json!(owner().as_str()));
    let mut device = PasskeyClient::new(ORIGIN);
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    device.quirks.counter = Some(0);
    for vector in vectors(HANDLES, "handles") {
        device.quirks.user_handle = Some(Some(vector.bytes));
        let result = use_passkey(&expected(), &passkey, &device.get(&asked())).map(|_state| ());
        let verdict = if vector.is_accepted {
            Ok(())
        } else {
            Err(ProofError::UserHandle)
        };
        assert_eq!(result, verdict, "{}", vector.name);
    }
}

/// Client data of a browser.
fn client_data(ceremony: &str) -> Vec<u8> {
    let challenge = ChallengeForm::EncodedTwice.apply(&asked());
    let members = json!({
        "type": ceremony,
        "challenge": challenge,
        "origin": ORIGIN,
        "topOrigin": null,
        "crossOrigin": null,
    });
    members.to_string().into_bytes()
}

#[test]
fn a_mark_before_the_client_data_of_a_passkey_is_signed_and_not_parsed() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.counter = Some(0);
    let marked = |ceremony| [MARK, &client_data(ceremony)].concat();
    device.quirks.raw_client_data = Some(marked("webauthn.create"));
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    device.quirks.raw_client_data = Some(marked("webauthn.get"));
    let used = device.get(&asked());
    assert!(use_passkey(&expected(), &passkey, &used).is_ok());

    // What was signed with the mark does not fit without it, nor the other way round.
    let sent = |data: &[u8], of: &Value| {
        let mut used = of.clone();
        used["clientData"] = BASE64URL_NOPAD.encode(data).into();
        use_passkey(&expected(), &passkey, &used)
    };
    let plain = client_data("webauthn.get");
    assert_eq!(sent(&plain, &used), Err(ProofError::Signature));
    device.quirks.raw_client_data = Some(plain.clone());
    let used = device.get(&asked());
    assert!(sent(&plain, &used).is_ok());
    let result = sent(&marked("webauthn.get"), &used);
    assert_eq!(result, Err(ProofError::Signature));
}

#[test]
fn a_mark_anywhere_else_and_a_second_one_are_refused() {
    for form in [
        [MARK, MARK, &client_data("webauthn.get")].concat(),
        [&client_data("webauthn.get")[..], MARK].concat(),
        [&b" "[..], MARK, &client_data("webauthn.get")].concat(),
        MARK.to_vec(),
        [&b"\xff\xfe"[..], &client_data("webauthn.get")].concat(),
    ] {
        let mut device = PasskeyClient::new(ORIGIN);
        let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
        device.quirks.raw_client_data = Some(form.clone());
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert!(
            matches!(result, Err(ProofError::Malformed { part, .. }) if part == "clientData"),
            "{form:?}"
        );
    }
}

#[test]
fn a_mark_before_the_client_data_of_a_key_is_signed_and_not_parsed() {
    let client = KeyClient::new(KeyKind::P256);
    let marked = |ceremony| {
        let data = client.client_data(ceremony, &asked());
        [MARK, data.as_bytes()].concat()
    };
    let pair = register_key(&client.attest(&marked("key.create"))).unwrap();
    let mut used = client.assert(&marked("key.get"));
    assert_eq!(use_key(&pair, &used), Ok(()));
    let plain = client.client_data("key.get", &asked());
    used["clientData"] = BASE64URL_NOPAD.encode(plain.as_bytes()).into();
    assert_eq!(use_key(&pair, &used), Err(ProofError::Signature));
}

#[test]
fn a_top_origin_that_is_null_is_none() {
    let mut device = PasskeyClient::new(ORIGIN);
    device.quirks.client_data = vec![("topOrigin", Some(Value::Null))];
    let passkey = register_passkey(&expected(), &device.create(asked_for_owner())).unwrap();
    assert!(use_passkey(&expected(), &passkey, &device.get(&asked())).is_ok());
    for other in [json!(""), json!(ORIGIN), json!(0), json!([]), json!(false)] {
        device.quirks.client_data = vec![("topOrigin", Some(other.clone()))];
        let result = use_passkey(&expected(), &passkey, &device.get(&asked()));
        assert_eq!(result, Err(ProofError::CrossOrigin), "{other}");
    }
}

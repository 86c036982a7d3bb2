//! Proofs made once by other software; `tests/data` holds them and the scripts that made them.

use latchkey_service::ports::proof_verifier::ProofError;
use serde_json::{Value, json};

use crate::support::{
    asked, expected, owner, register_key, register_passkey, use_key, use_passkey,
};

const NODE: &str = include_str!("../data/vectors_node.json");
const OPENSSL: &str = include_str!("../data/vectors_openssl.json");
pub(crate) const PYTHON: &str = include_str!("../data/vectors_python.json");

fn read(file: &str) -> Value {
    let vectors: Value = serde_json::from_str(file).unwrap();
    assert_eq!(vectors["challenge"], json!(asked()));
    vectors
}

/// A part of a vector in the form of the wire, with the members that are the same for all.
fn wire(proof: &Value, part: &str) -> Value {
    let mut wire = proof[part].clone();
    wire["credId"] = "a-client-chose-this".into();
    wire["algorithm"] = proof["algorithm"].clone();
    wire
}

#[test]
fn key_proofs_of_other_software_are_accepted() {
    let mut count = 0;
    for file in [NODE, OPENSSL, PYTHON] {
        let vectors = read(file);
        for proof in vectors["proofs"].as_array().unwrap() {
            if !proof["refused"].is_null() {
                continue;
            }
            let case = format!("{} {}", vectors["madeBy"], proof["name"]);
            let pair = register_key(&wire(proof, "create"))
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(use_key(&pair, &wire(proof, "get")), Ok(()), "{case}");
            count += 1;
        }
    }
    assert_eq!(count, 49);
}

#[test]
fn key_proofs_that_other_software_makes_wrongly_are_refused() {
    let vectors = read(NODE);
    let mut count = 0;
    for proof in vectors["proofs"].as_array().unwrap() {
        let Some(refused) = proof["refused"].as_str() else {
            continue;
        };
        let error = register_key(&wire(proof, "create")).unwrap_err();
        let right = match refused {
            "key" => error == ProofError::UnsupportedKey,
            "signature" => error == ProofError::Signature,
            "algorithm" => matches!(error, ProofError::Malformed { .. }),
            other => panic!("{other}"),
        };
        assert!(right, "{}: {error}", proof["name"]);
        count += 1;
    }
    assert_eq!(count, 11);
}

#[test]
fn an_assertion_of_one_vector_never_fits_the_key_of_another() {
    let vectors = read(NODE);
    let proofs: Vec<&Value> = vectors["proofs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|proof| proof["refused"].is_null())
        .collect();
    for one in &proofs {
        let pair = register_key(&wire(one, "create")).unwrap();
        for other in &proofs {
            let accepted = use_key(&pair, &wire(other, "get")).is_ok();
            assert_eq!(accepted, one["name"] == other["name"]);
        }
    }
}

#[test]
fn passkeys_of_other_software_are_accepted() {
    let vectors = read(PYTHON);
    let passkeys = vectors["passkeys"].as_array().unwrap();
    for vector in passkeys {
        let case = vector["name"].as_str().unwrap();
        assert_eq!(vector["user"], json!(owner().as_str()));
        let passkey = register_passkey(&expected(), &vector["create"])
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        let aaguid = passkey.aaguid.to_string().replace('-', "");
        assert_eq!(vector["aaguid"], json!(aaguid), "{case}");
        assert_eq!(passkey.sign_count, 7, "{case}");
        assert!(passkey.backup_eligible && !passkey.backed_up, "{case}");
        let state = use_passkey(&expected(), &passkey, &vector["get"])
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!((state.sign_count, state.backed_up), (8, true), "{case}");
    }
    assert_eq!(passkeys.len(), 7);
}

//! What bodies become: values of the domain, or an error that names the member.

use axum::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use latchkey_domain::{
    credential::{CredentialId, CredentialReference, passkey::Transports},
    id::CredentialUuid,
};
use latchkey_service::{
    ceremony::NewCredential,
    factors::FactorAnswer,
    first_credentials::FirstCredentials,
    login::{BeginLogin, Who},
    ports::proof_verifier::{AssertionProof, CreationProof, Offered, Used},
    recovery::CompleteRecovery,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::samples::{organization, sealed};
use crate::{
    dto::{
        factor::FactorAnswerBody, first_credentials::FirstCredentialsBody,
        new_credential::CredentialRequest,
    },
    error::ApiError,
    extract::{bearer::TemporaryToken, json_body::WholeBody},
    routes::{login::LoginInitRequest, recovery::RecoveryRequest},
};

fn read<T: DeserializeOwned>(body: &Value) -> Result<WholeBody<T>, ApiError> {
    let json = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
    WholeBody::read(&headers, body.to_string().as_bytes())
}

/// Expects the body with this member changed (or, by null, left out) to be refused with this text.
fn refused<T>(
    read: impl Fn(&Value) -> Result<T, ApiError>,
    body: &Value,
    pointer: &str,
    value: Value,
    problem: &str,
) {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    let error = read(&body).err().unwrap();
    let path = pointer.trim_start_matches('/').replace('/', ".");
    assert_eq!(error.code.as_str(), "invalid_field");
    assert_eq!(error.message, format!("{path} {problem}"));
    assert_eq!(error.field, Some(path));
}

fn created(body: &Value) -> Result<(String, NewCredential), ApiError> {
    read::<CredentialRequest>(body)?.shaped.into_parts()
}

fn registered(body: &Value) -> Result<FirstCredentials, ApiError> {
    let body: WholeBody<FirstCredentialsBody> = read(body)?;
    body.shaped.into_credentials("")
}

fn answered(body: &Value) -> Result<FactorAnswer, ApiError> {
    read::<FactorAnswerBody>(body)?.shaped.try_into()
}

fn recovered(body: &Value) -> Result<CompleteRecovery, ApiError> {
    let WholeBody { shaped, json }: WholeBody<RecoveryRequest> = read(body)?;
    let token = TemporaryToken("token".to_owned());
    shaped.with(token, json.get("newCredentials"))
}

fn begun(body: &Value) -> Result<BeginLogin, ApiError> {
    read::<LoginInitRequest>(body)?.shaped.try_into()
}

fn new_credential(kind: &str) -> Value {
    json!({
        "challengeIdentifier": "identifier",
        "credentialName": "Phone",
        "credentialKind": kind,
        "credentialInfo": {"credId": "AQ==", "clientData": "-_8=", "attestationData": "AQ"},
    })
}

fn creation_proof(offered: Offered) -> CreationProof {
    CreationProof {
        credential_id: CredentialId::new("AQ==").unwrap(),
        client_data: vec![0xfb, 0xff],
        attestation_data: vec![1],
        offered,
    }
}

#[test]
fn transports_that_are_known_are_read_and_others_passed_over() {
    for (sent, read) in [
        (
            json!(["usb", "internal", "cable", ""]),
            &["internal", "usb"][..],
        ),
        (json!([]), &[]),
        (json!(null), &[]),
    ] {
        let mut body = new_credential("Fido2");
        body["credentialInfo"]["transports"] = sent;
        let (_, new) = created(&body).unwrap();
        let offered = Offered::Fido2(Transports::among(read.iter().copied()));
        assert_eq!(new.proof, creation_proof(offered));
    }
}

#[test]
fn a_new_credential_of_each_kind_is_read_and_its_id_kept_as_it_is() {
    let mut plain = new_credential("Key");
    // Members of other versions, and one of another kind.
    plain["wallets"] = json!([{"network": "x"}]);
    plain["credentialInfo"]["transports"] = json!(["usb"]);
    plain["encryptedPrivateKey"] = json!("ignored for this kind");
    let mut protected = new_credential("PasswordProtectedKey");
    protected["encryptedPrivateKey"] = json!("sealed");
    let mut recovery = new_credential("RecoveryKey");
    recovery["encryptedPrivateKey"] = json!("sealed");
    let mut older = new_credential("Key");
    older["kind"] = older["credentialKind"].take();
    for (body, offered) in [
        (plain, Offered::Key),
        (older, Offered::Key),
        (
            new_credential("Fido2"),
            Offered::Fido2(Transports::default()),
        ),
        (protected, Offered::PasswordProtectedKey(sealed())),
        (recovery, Offered::RecoveryKey(Some(sealed()))),
        (new_credential("RecoveryKey"), Offered::RecoveryKey(None)),
    ] {
        let (identifier, new) = created(&body).unwrap();
        assert_eq!(identifier, "identifier");
        assert_eq!(new.name.as_str(), "Phone");
        assert_eq!(new.proof, creation_proof(offered));
    }
}

#[test]
fn a_new_credential_names_the_member_at_fault() {
    for (pointer, value, problem) in [
        ("/credentialName", json!(null), "is required"),
        ("/credentialName", json!(" "), "must not be empty"),
        ("/credentialKind", json!(null), "is required"),
        (
            "/credentialKind",
            json!("Totp"),
            "is deprecated and not offered; use one of Fido2, Key, PasswordProtectedKey, RecoveryKey",
        ),
        ("/credentialInfo", json!(null), "is required"),
        ("/credentialInfo", json!("x"), "must be an object"),
        ("/credentialInfo/credId", json!(null), "is required"),
        ("/credentialInfo/credId", json!(""), "must not be empty"),
        ("/credentialInfo/clientData", json!(null), "is required"),
        (
            "/credentialInfo/clientData",
            json!("+/8="),
            "must be base64url",
        ),
        (
            "/credentialInfo/attestationData",
            json!(null),
            "is required",
        ),
        (
            "/credentialInfo/attestationData",
            json!(5),
            "must be a string",
        ),
        ("/encryptedPrivateKey", json!(null), "is required"),
    ] {
        let mut body = new_credential("PasswordProtectedKey");
        body["encryptedPrivateKey"] = json!("sealed");
        refused(created, &body, pointer, value, problem);
    }
}

#[test]
fn first_credentials_name_the_place_of_each() {
    const PLACES: [&str; 3] = [
        "firstFactorCredential",
        "secondFactorCredential",
        "recoveryCredential",
    ];
    let body: Value = PLACES
        .into_iter()
        .map(|place| (place.to_owned(), new_credential("Key")))
        .collect();
    for place in PLACES {
        let info = format!("/{place}/credentialInfo/clientData");
        refused(registered, &body, &info, json!("A"), "must be base64url");
        let kind = format!("/{place}/credentialKind");
        refused(registered, &body, &kind, json!(null), "is required");
    }
    refused(
        registered,
        &body,
        "/firstFactorCredential",
        json!(null),
        "is required",
    );
    let alone = json!({"firstFactorCredential": new_credential("Key")});
    let first = registered(&alone).unwrap();
    assert_eq!(first.first.proof, creation_proof(Offered::Key));
    assert!(first.second.is_none() && first.recovery.is_none());
}

fn factor(kind: &str) -> Value {
    json!({
        "challengeIdentifier": "identifier",
        "firstFactor": {
            "kind": kind,
            "credentialAssertion": {
                "credId": "a2V5MQ==",
                "clientData": "-_8=",
                "authenticatorData": "Ag",
                "signature": "Aw==",
            },
        },
    })
}

fn assertion_proof(used: Used) -> AssertionProof {
    AssertionProof {
        credential: CredentialReference::Id(CredentialId::new("a2V5MQ==").unwrap()),
        client_data: vec![0xfb, 0xff],
        signature: vec![3],
        used,
    }
}

#[test]
fn a_user_handle_may_be_missing_null_or_empty() {
    for (handle, bytes) in [
        (None, None),
        (Some(json!(null)), None),
        (Some(json!("")), None),
        (Some(json!("AQ")), Some(vec![1])),
        (Some(json!("AQ==")), Some(vec![1])),
        (
            Some(json!("us-6b58p-r53sr-rlrd3l5cj3uc4ome")),
            Some(b"us-6b58p-r53sr-rlrd3l5cj3uc4ome".to_vec()),
        ),
    ] {
        let mut body = factor("Fido2");
        if let Some(handle) = handle {
            body["firstFactor"]["credentialAssertion"]["userHandle"] = handle;
        }
        let expected = assertion_proof(Used::Fido2 {
            authenticator_data: vec![2],
            user_handle: bytes,
        });
        assert_eq!(answered(&body).unwrap().first, expected);
    }
}

#[test]
fn key_kinds_may_name_their_digest_and_a_credential_its_uuid() {
    let uuid = CredentialUuid::from_random(&[9; 32]);
    let mut body = factor("PasswordProtectedKey");
    body["firstFactor"]["credentialAssertion"]["algorithm"] = json!("SHA512");
    body["firstFactor"]["credentialAssertion"]["credId"] = json!(uuid.as_str());
    body["secondFactor"] = factor("Key")["firstFactor"].take();
    let answer = answered(&body).unwrap();
    assert_eq!(answer.identifier, "identifier");
    let algorithm = Some("SHA512".to_owned());
    let expected = AssertionProof {
        credential: CredentialReference::Uuid(uuid),
        ..assertion_proof(Used::PasswordProtectedKey { algorithm })
    };
    assert_eq!(answer.first, expected);
    let expected = assertion_proof(Used::Key { algorithm: None });
    assert_eq!(answer.second, Some(expected));
}

#[test]
fn a_factor_names_the_member_at_fault() {
    const OFFERED: &str = "use one of Fido2, Key, PasswordProtectedKey";
    let recovery = format!("cannot be RecoveryKey, which is for recovery only; {OFFERED}");
    let deprecated = format!("is deprecated and not offered; {OFFERED}");
    let mut body = factor("Fido2");
    body["secondFactor"] = body["firstFactor"].clone();
    for place in ["/firstFactor", "/secondFactor"] {
        for (member, value, problem) in [
            ("/kind", json!(null), "is required"),
            (
                "/kind",
                json!("fido2"),
                "must be one of Fido2, Key, PasswordProtectedKey",
            ),
            ("/kind", json!("RecoveryKey"), &recovery),
            ("/kind", json!("Password"), &deprecated),
            ("/credentialAssertion", json!(null), "is required"),
            ("/credentialAssertion/credId", json!(null), "is required"),
            (
                "/credentialAssertion/credId",
                json!("=="),
                "must not consist of padding alone",
            ),
            (
                "/credentialAssertion/clientData",
                json!("***"),
                "must be base64url",
            ),
            (
                "/credentialAssertion/authenticatorData",
                json!(null),
                "is required",
            ),
            (
                "/credentialAssertion/signature",
                json!(""),
                "must not be empty",
            ),
            (
                "/credentialAssertion/userHandle",
                json!("***"),
                "must be base64url",
            ),
        ] {
            refused(answered, &body, &format!("{place}{member}"), value, problem);
        }
    }
    refused(answered, &body, "/firstFactor", json!(null), "is required");
}

fn recovery() -> Value {
    json!({
        "recovery": {
            "kind": "RecoveryKey",
            "credentialAssertion": {"credId": "cmVjb3Zlcnk", "clientData": "AQI=", "signature": "Aw"},
        },
        "newCredentials": {"firstFactorCredential": new_credential("Key")},
    })
}

#[test]
fn a_recovery_keeps_all_that_the_recovery_key_has_signed() {
    let mut body = recovery();
    body["recovery"]["credentialAssertion"]["algorithm"] = json!("SHA512");
    body["newCredentials"]["unknown"] = json!([1, {"b": null}]);
    let request = recovered(&body).unwrap();
    assert_eq!(request.temporary_token, "token");
    assert_eq!(request.proof.client_data, [1, 2]);
    assert_eq!(request.proof.signature, [3]);
    assert_eq!(request.proof.algorithm.as_deref(), Some("SHA512"));
    let CredentialReference::Id(id) = request.proof.credential else {
        panic!("an id is no uuid");
    };
    assert_eq!(id.as_str(), "cmVjb3Zlcnk");
    assert_eq!(
        request.credentials.first.proof,
        creation_proof(Offered::Key)
    );
    let received: Value = serde_json::from_str(&request.received).unwrap();
    assert_eq!(received, body["newCredentials"]);
}

#[test]
fn a_recovery_names_the_member_at_fault() {
    for (pointer, value, problem) in [
        ("/recovery", json!(null), "is required"),
        ("/recovery/kind", json!("Key"), "must be RecoveryKey"),
        (
            "/recovery/credentialAssertion",
            json!("x"),
            "must be an object",
        ),
        (
            "/recovery/credentialAssertion/credId",
            json!(null),
            "is required",
        ),
        (
            "/recovery/credentialAssertion/clientData",
            json!("+/"),
            "must be base64url",
        ),
        (
            "/recovery/credentialAssertion/signature",
            json!(null),
            "is required",
        ),
        ("/newCredentials", json!(null), "is required"),
        ("/newCredentials", json!(7), "must be an object"),
        (
            "/newCredentials/secondFactorCredential",
            json!("x"),
            "must be an object",
        ),
        (
            "/newCredentials/firstFactorCredential/credentialKind",
            json!(null),
            "is required",
        ),
        (
            "/newCredentials/firstFactorCredential/credentialInfo/clientData",
            json!("+"),
            "must be base64url",
        ),
    ] {
        refused(recovered, &recovery(), pointer, value, problem);
    }
}

#[test]
fn a_login_names_its_user_and_organization_as_it_likes() {
    let ada = json!("ada@example.com");
    let code = json!("ABC-DEF-GHJ");
    assert!(matches!(begun(&json!({})).unwrap().who, Who::Passkey));
    let named = begun(&json!({"username": ada})).unwrap().who;
    assert!(matches!(named, Who::User(_)));
    let body = json!({"username": ada, "loginCode": code});
    let with_code = begun(&body).unwrap().who;
    assert!(matches!(with_code, Who::UserWithCode(..)));
    refused(begun, &body, "/username", json!(null), "is required");
    for name in ["orgId", "tenantId"] {
        let body = json!({ name: organization().as_str() });
        assert_eq!(begun(&body).unwrap().organization, Some(organization()));
    }
}

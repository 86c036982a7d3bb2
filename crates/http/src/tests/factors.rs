//! What the proofs in bodies of login and action become.

use axum::http::StatusCode;
use latchkey_domain::{
    challenge::Purpose,
    credential::{CredentialId, CredentialKind, CredentialReference},
    id::CredentialUuid,
};
use latchkey_service::ports::{
    account_store::HeldCredential,
    proof_verifier::{AssertionProof, ProofError, Used},
};
use serde_json::{Value, json};

use super::{
    samples::{challenge, key, passkey, protected_key, user},
    support::{World, post, refused},
};

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

/// Lets the body at login become exactly this proof.
async fn is_used_as(body: Value, expected: AssertionProof) {
    let mut world = World::new();
    world
        .tokens
        .expect_read_challenge()
        .withf(|token, _| token == "identifier")
        .returning(|_, _| Ok(challenge(Purpose::Login { user: None })));
    let reference = expected.credential.clone();
    let credential = match expected.used.kind() {
        CredentialKind::Fido2 => passkey(),
        CredentialKind::PasswordProtectedKey => protected_key(),
        CredentialKind::Key | CredentialKind::RecoveryKey => key(),
    };
    world
        .accounts
        .expect_find_credential()
        .withf(move |_, sought| *sought == reference)
        .returning(move |_, _| {
            Ok(Some(HeldCredential {
                credential: credential.clone(),
                user: user(),
            }))
        });
    world
        .verifier
        .expect_verify_assertion()
        .withf(move |_, _, proof| *proof == expected)
        .times(1)
        .returning(|_, _, _| Err(ProofError::Signature));
    let answer = post(world, "/auth/login", &body).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.code(), "factor_refused");
    assert_eq!(
        answer.message(),
        "firstFactor.credentialAssertion: the signature is not valid"
    );
}

fn assertion_proof(used: Used) -> AssertionProof {
    AssertionProof {
        credential: CredentialReference::Id(CredentialId::new("a2V5MQ==").unwrap()),
        client_data: vec![0xfb, 0xff],
        signature: vec![3],
        used,
    }
}

fn passkey_used(user_handle: Option<Vec<u8>>) -> AssertionProof {
    assertion_proof(Used::Fido2 {
        authenticator_data: vec![2],
        user_handle,
    })
}

#[tokio::test]
async fn a_user_handle_may_be_missing_null_or_empty() {
    is_used_as(factor("Fido2"), passkey_used(None)).await;
    for (handle, bytes) in [
        (json!(null), None),
        (json!(""), None),
        (json!("AQ"), Some(vec![1])),
        (json!("AQ=="), Some(vec![1])),
    ] {
        let mut body = factor("Fido2");
        body["firstFactor"]["credentialAssertion"]["userHandle"] = handle;
        is_used_as(body, passkey_used(bytes)).await;
    }
}

#[tokio::test]
async fn key_kinds_may_name_their_digest() {
    let algorithm = None;
    is_used_as(factor("Key"), assertion_proof(Used::Key { algorithm })).await;
    let mut body = factor("PasswordProtectedKey");
    body["firstFactor"]["credentialAssertion"]["algorithm"] = json!("SHA512");
    body["secondFactor"] = json!(null);
    let algorithm = Some("SHA512".to_owned());
    is_used_as(
        body,
        assertion_proof(Used::PasswordProtectedKey { algorithm }),
    )
    .await;
}

#[tokio::test]
async fn a_credential_may_be_named_by_its_uuid() {
    let uuid = CredentialUuid::from_random(&[9; 32]);
    let mut body = factor("Key");
    body["firstFactor"]["credentialAssertion"]["credId"] = json!(uuid.as_str());
    let expected = AssertionProof {
        credential: CredentialReference::Uuid(uuid),
        ..assertion_proof(Used::Key { algorithm: None })
    };
    is_used_as(body, expected).await;
}

#[tokio::test]
async fn a_factor_names_the_member_at_fault() {
    for (pointer, value, message) in [
        (
            "/challengeIdentifier",
            json!(5),
            "challengeIdentifier must be a string",
        ),
        ("/firstFactor", json!(null), "firstFactor is required"),
        (
            "/firstFactor/kind",
            json!(null),
            "firstFactor.kind is required",
        ),
        (
            "/firstFactor/kind",
            json!("RecoveryKey"),
            "firstFactor.kind cannot be RecoveryKey, which is for recovery only; use one of Fido2, \
             Key, PasswordProtectedKey",
        ),
        (
            "/firstFactor/credentialAssertion",
            json!(null),
            "firstFactor.credentialAssertion is required",
        ),
        (
            "/firstFactor/credentialAssertion/credId",
            json!("=="),
            "firstFactor.credentialAssertion.credId must not consist of padding alone",
        ),
        (
            "/firstFactor/credentialAssertion/clientData",
            json!("***"),
            "firstFactor.credentialAssertion.clientData must be base64url",
        ),
        (
            "/firstFactor/credentialAssertion/authenticatorData",
            json!(null),
            "firstFactor.credentialAssertion.authenticatorData is required",
        ),
        (
            "/firstFactor/credentialAssertion/signature",
            json!(""),
            "firstFactor.credentialAssertion.signature must not be empty",
        ),
        (
            "/firstFactor/credentialAssertion/userHandle",
            json!("***"),
            "firstFactor.credentialAssertion.userHandle must be base64url",
        ),
    ] {
        let body = factor("Fido2");
        refused(
            "/auth/login",
            body.clone(),
            (pointer, value.clone()),
            message,
        )
        .await;
        refused("/auth/action", body, (pointer, value), message).await;
    }
    let mut body = factor("Key");
    body["secondFactor"] = json!({});
    refused(
        "/auth/login",
        body,
        ("/secondFactor/kind", json!(null)),
        "secondFactor.kind is required",
    )
    .await;
}

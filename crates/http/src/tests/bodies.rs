//! What bodies become: domain values, or an error that names the member.

use axum::http::StatusCode;
use latchkey_domain::{
    challenge::{Challenge, Purpose},
    credential::{CredentialId, CredentialKind, key::EncryptedPrivateKey},
    credential_code::CodeDigest,
    id::{AccountCodeId, CredentialCodeId, CredentialUuid},
    user::Epoch,
};
use latchkey_service::ports::proof_verifier::{CreationProof, Offered, ProofError};
use serde_json::{Value, json};

use super::{
    samples::{challenge, key, organization, user},
    support::{self, World, bearing, post, refused, send},
};

fn with_code(kind: CredentialKind) -> Challenge {
    challenge(Purpose::CredentialWithCode {
        user: user().id,
        epoch: Epoch::default(),
        code: CredentialCodeId::from_random(&[1; 32]),
        issuer: CredentialUuid::from_random(&[1; 32]),
        kind,
    })
}

/// Lets the body at code/verify become exactly this proof.
async fn becomes(body: Value, expected: CreationProof) {
    let mut world = World::new();
    let kind = expected.offered.kind();
    world
        .tokens
        .expect_read_challenge()
        .withf(|token, _| token == "identifier")
        .returning(move |_, _| Ok(with_code(kind)));
    world
        .verifier
        .expect_verify_creation()
        .withf(move |_, proof| *proof == expected)
        .times(1)
        .returning(|_, _| Err(ProofError::Signature));
    let answer = post(world, "/auth/credentials/code/verify", &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.message(),
        "credentialInfo: the signature is not valid"
    );
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

fn sealed() -> EncryptedPrivateKey {
    EncryptedPrivateKey::new("sealed").unwrap()
}

#[tokio::test]
async fn bytes_may_be_padded_and_the_credential_id_is_kept_as_it_is() {
    becomes(new_credential("Key"), creation_proof(Offered::Key)).await;
    becomes(new_credential("Fido2"), creation_proof(Offered::Fido2)).await;
}

#[tokio::test]
async fn the_older_name_of_the_kind_is_understood() {
    let mut body = new_credential("Key");
    let members = body.as_object_mut().unwrap();
    let kind = members.remove("credentialKind").unwrap();
    members.insert("kind".to_owned(), kind);
    becomes(body, creation_proof(Offered::Key)).await;
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let mut body = new_credential("Key");
    body["wallets"] = json!([{"network": "x"}]);
    body["credentialInfo"]["transports"] = json!(["usb"]);
    body["encryptedPrivateKey"] = json!("ignored for this kind");
    becomes(body, creation_proof(Offered::Key)).await;
}

#[tokio::test]
async fn encrypted_private_keys_belong_to_two_kinds() {
    let mut body = new_credential("PasswordProtectedKey");
    body["encryptedPrivateKey"] = json!("sealed");
    becomes(
        body,
        creation_proof(Offered::PasswordProtectedKey(sealed())),
    )
    .await;
    let mut body = new_credential("RecoveryKey");
    becomes(body.clone(), creation_proof(Offered::RecoveryKey(None))).await;
    body["encryptedPrivateKey"] = json!("sealed");
    becomes(body, creation_proof(Offered::RecoveryKey(Some(sealed())))).await;
}

#[tokio::test]
async fn a_new_credential_names_the_member_at_fault() {
    for (pointer, value, message) in [
        (
            "/challengeIdentifier",
            json!(null),
            "challengeIdentifier is required",
        ),
        ("/credentialName", json!(null), "credentialName is required"),
        (
            "/credentialName",
            json!(" "),
            "credentialName must not be empty",
        ),
        (
            "/credentialName",
            json!("x".repeat(129)),
            "credentialName must have at most 128 characters",
        ),
        (
            "/credentialName",
            json!("a\u{0}b"),
            "credentialName must not contain control characters",
        ),
        ("/credentialKind", json!(null), "credentialKind is required"),
        (
            "/credentialKind",
            json!("Passkey"),
            "credentialKind must be one of Fido2, Key, PasswordProtectedKey, RecoveryKey",
        ),
        ("/credentialInfo", json!(null), "credentialInfo is required"),
        (
            "/credentialInfo",
            json!("x"),
            "credentialInfo must be an object",
        ),
        (
            "/credentialInfo/credId",
            json!(""),
            "credentialInfo.credId must not be empty",
        ),
        (
            "/credentialInfo/credId",
            json!("cr-6b58p-r53sr-rlrd3l5cj3uc4ome"),
            "credentialInfo.credId must not have the form of a credentialUuid (cr-…)",
        ),
        (
            "/credentialInfo/clientData",
            json!(null),
            "credentialInfo.clientData is required",
        ),
        (
            "/credentialInfo/clientData",
            json!("+/8="),
            "credentialInfo.clientData must be base64url",
        ),
        (
            "/credentialInfo/attestationData",
            json!(5),
            "credentialInfo.attestationData must be a string",
        ),
    ] {
        let body = new_credential("Key");
        let path = "/auth/credentials/code/verify";
        refused(path, body, (pointer, value), message).await;
    }
    refused(
        "/auth/credentials/code/verify",
        new_credential("PasswordProtectedKey"),
        ("/encryptedPrivateKey", json!(null)),
        "encryptedPrivateKey is required",
    )
    .await;
}

#[tokio::test]
async fn deprecated_kinds_are_refused_with_the_kinds_that_are_accepted() {
    const OFFERED: &str = "is deprecated and not offered; use one of";
    let accepted = format!("{OFFERED} Fido2, Key, PasswordProtectedKey, RecoveryKey");
    for kind in ["Password", "Totp"] {
        let body = json!({
            "credentialInfo": {"password": "secret"},
            "credentialName": "x",
            "challengeIdentifier": "x",
        });
        refused(
            "/auth/credentials/code/verify",
            body,
            ("/credentialKind", json!(kind)),
            &format!("credentialKind {accepted}"),
        )
        .await;
        refused(
            "/auth/registration",
            json!({"firstFactorCredential": {"credentialInfo": {"otpCode": "1"}}}),
            ("/firstFactorCredential/credentialKind", json!(kind)),
            &format!("firstFactorCredential.credentialKind {accepted}"),
        )
        .await;
        refused(
            "/auth/credentials/init",
            json!({}),
            ("/kind", json!(kind)),
            &format!("kind {accepted}"),
        )
        .await;
        refused(
            "/auth/credentials/code/init",
            json!({"code": "x"}),
            ("/credentialKind", json!(kind)),
            &format!("credentialKind {accepted}"),
        )
        .await;
        refused(
            "/auth/login",
            json!({"challengeIdentifier": "x", "firstFactor": {"password": "secret"}}),
            ("/firstFactor/kind", json!(kind)),
            &format!("firstFactor.kind {OFFERED} Fido2, Key, PasswordProtectedKey"),
        )
        .await;
    }
}

#[tokio::test]
async fn registration_names_the_place_of_each_credential() {
    let credential = new_credential("Key");
    let body = json!({
        "firstFactorCredential": credential,
        "secondFactorCredential": credential,
        "recoveryCredential": credential,
    });
    for place in [
        "firstFactorCredential",
        "secondFactorCredential",
        "recoveryCredential",
    ] {
        refused(
            "/auth/registration",
            body.clone(),
            (&format!("/{place}/credentialInfo/clientData"), json!("A")),
            &format!("{place}.credentialInfo.clientData must be base64url"),
        )
        .await;
        refused(
            "/auth/registration",
            body.clone(),
            (&format!("/{place}/credentialKind"), json!(null)),
            &format!("{place}.credentialKind is required"),
        )
        .await;
    }
    refused(
        "/auth/registration",
        body,
        ("/firstFactorCredential", json!(null)),
        "firstFactorCredential is required",
    )
    .await;
}

fn registration(code: CodeDigest) -> Challenge {
    let id = AccountCodeId::from_random(code.as_bytes());
    challenge(Purpose::Registration {
        user: user().id,
        epoch: Epoch::default(),
        code: id,
    })
}

#[tokio::test]
async fn a_recovery_key_does_not_sign_in_and_others_do_not_recover() {
    let credential = |kind: &str| {
        let mut credential = new_credential(kind);
        credential["encryptedPrivateKey"] = json!("sealed");
        credential
    };
    for (body, message) in [
        (
            json!({"firstFactorCredential": credential("RecoveryKey")}),
            "firstFactorCredential.credentialKind cannot be RecoveryKey here",
        ),
        (
            json!({
                "firstFactorCredential": credential("Key"),
                "recoveryCredential": credential("Fido2"),
            }),
            "recoveryCredential.credentialKind cannot be Fido2 here",
        ),
    ] {
        let mut world = World::new().owning(vec![]);
        let challenge = registration(CodeDigest::new([1; 32]));
        world
            .tokens
            .expect_read_challenge()
            .returning(move |_, _| Ok(challenge.clone()));
        world
            .verifier
            .expect_verify_creation()
            .returning(|_, _| Ok(key().material));
        let request = support::json("POST", "/auth/registration", body.to_string());
        let answer = send(&world.router(), bearing(request)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.code(), "kind_not_allowed");
        assert_eq!(answer.message(), message);
    }
}

#[tokio::test]
async fn other_bodies_name_the_member_at_fault() {
    for (path, body, pointer, value, message) in [
        (
            "/auth/login/init",
            json!({}),
            "/orgId",
            json!("or-1"),
            "orgId must be an identifier of the form or-xxxxx-xxxxx-xxxxxxxxxxxxxxxx",
        ),
        (
            "/auth/login/init",
            json!({}),
            "/username",
            json!("x".repeat(255)),
            "username must have at most 254 characters",
        ),
        (
            "/auth/registration/init",
            json!({"username": "ada"}),
            "/registrationCode",
            json!(null),
            "registrationCode is required",
        ),
        (
            "/auth/credentials/init",
            json!({}),
            "/kind",
            json!(null),
            "kind is required",
        ),
        (
            "/auth/credentials/code/init",
            json!({"credentialKind": "Key"}),
            "/code",
            json!(null),
            "code is required",
        ),
        (
            "/auth/credentials/code/init",
            json!({"code": "x"}),
            "/credentialKind",
            json!(null),
            "credentialKind is required",
        ),
        (
            "/auth/credentials/code",
            json!({"expiration": 1}),
            "/longOnly",
            json!("yes"),
            "longOnly must be a boolean",
        ),
    ] {
        refused(path, body, (pointer, value), message).await;
    }
}

#[tokio::test]
async fn a_login_code_needs_a_username() {
    let body = json!({"loginCode": "ABC-DEF-GHJ"});
    let answer = post(World::new(), "/auth/login/init", &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.message(), "username is required");
}

#[tokio::test]
async fn the_organization_has_two_names() {
    for name in ["orgId", "tenantId"] {
        let mut world = World::new();
        world
            .accounts
            .expect_find_by_username()
            .withf(|asked, _| *asked == organization())
            .times(1)
            .returning(|_, _| Ok(None));
        let mut body = json!({"username": "ada"});
        body[name] = json!(organization().as_str());
        let answer = post(world, "/auth/login/init", &body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.code(), "no_usable_credential");
    }
}

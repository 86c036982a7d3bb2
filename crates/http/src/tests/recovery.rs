//! Recovery: what of a body counts, and what is said about the rest.

use axum::http::StatusCode;
use latchkey_domain::{
    challenge::Purpose,
    credential::{CredentialKind, CredentialReference},
    id::CredentialUuid,
    user::Epoch,
};
use latchkey_json::Value as Json;
use latchkey_service::ports::{
    credential_store::CreateError,
    proof_verifier::{Offered, ProofError},
    store::AuthorityConflict,
};
use serde_json::{Value, json};

use super::{
    samples::{key, passkey, recovery_key, user},
    support::{Answer, World, bearing, json as request, ok, refused, send},
};

const PATH: &str = "/auth/recover/user";

fn purpose() -> Purpose {
    Purpose::Recovery {
        user: user().id,
        epoch: Epoch::default(),
        credential: CredentialUuid::from_random(&[4; 32]),
    }
}

/// New credentials in a form that no library would write again.
const NEW: &str = r#"{ "firstFactorCredential": {"credentialKind": "Key", "credentialInfo":
    {"credId": "AQ==", "clientData": "AQ", "attestationData": "AQ"} } }"#;

fn proof() -> Value {
    json!({
        "kind": "RecoveryKey",
        "credentialAssertion": {"credId": "cmVjb3Zlcnk", "clientData": "AQI=", "signature": "Aw"},
    })
}

fn body() -> Value {
    json!({"recovery": proof(), "newCredentials": serde_json::from_str::<Value>(NEW).unwrap()})
}

/// A world in which Ada recovers with her recovery key.
fn world() -> World {
    World::new()
        .owning(vec![passkey(), recovery_key()])
        .reading(purpose())
}

/// What comes of a recovery whose proofs are as told.
async fn recovered(
    mut world: World,
    confirmed: Result<(), ProofError>,
    created: Result<(), ProofError>,
) -> Answer {
    world
        .verifier
        .expect_confirm_recovery()
        .returning(move |_, _, _| confirmed.clone());
    world
        .verifier
        .expect_verify_creation()
        .returning(move |_, _| created.clone().map(|()| key().material));
    let request = bearing(request("POST", PATH, body().to_string()));
    send(&world.router(), request).await
}

#[tokio::test]
async fn the_new_credentials_reach_the_verifier_as_they_were_received() {
    let mut world = world();
    let canonical = Json::read(NEW.as_bytes()).unwrap().canonical();
    world
        .verifier
        .expect_confirm_recovery()
        .times(1)
        .withf(move |credential, received, proof| {
            let CredentialReference::Id(id) = &proof.credential else {
                return false;
            };
            credential.kind() == CredentialKind::RecoveryKey
                && *received == canonical
                && id.as_str() == "cmVjb3Zlcnk"
                && proof.client_data == [1, 2]
                && proof.signature == [3]
                && proof.algorithm.as_deref() == Some("SHA512")
        })
        .returning(|_, _, _| Ok(()));
    world
        .verifier
        .expect_verify_creation()
        .times(1)
        .withf(|_, proof| proof.offered == Offered::Key && proof.credential_id.as_str() == "AQ==")
        .returning(|_, _| Ok(key().material));
    world.recoveries.expect_recover().returning(|_, _| Ok(()));
    let mut proof = proof();
    proof["credentialAssertion"]["algorithm"] = json!("SHA512");
    let body = format!("{{\"recovery\":{proof},\"newCredentials\":{NEW}}}");
    let answer = ok(&world.router(), bearing(request("POST", PATH, body))).await;
    assert_eq!(answer["credential"]["kind"], "Key");
    assert_eq!(answer["credential"]["name"], "Default Credential");
    assert_eq!(answer["user"]["username"], "ada@example.com");
}

#[tokio::test]
async fn a_proof_that_is_not_true_is_named_where_it_stands() {
    let answer = recovered(world(), Err(ProofError::OtherCredentials), Ok(())).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.code(), "factor_refused");
    assert_eq!(
        answer.message(),
        "recovery.credentialAssertion: the challenge in the client data is not base64url of the \
         newCredentials that were received"
    );

    let answer = recovered(world(), Ok(()), Err(ProofError::Challenge)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.code(), "proof_refused");
    assert_eq!(
        answer.json()["error"]["details"]["field"],
        "newCredentials.firstFactorCredential.credentialInfo"
    );
}

#[tokio::test]
async fn a_kind_that_cannot_take_its_place_is_named_where_it_stands() {
    let mut world = world();
    world
        .verifier
        .expect_confirm_recovery()
        .returning(|_, _, _| Ok(()));
    let mut body = body();
    body["newCredentials"]["firstFactorCredential"]["credentialKind"] = json!("RecoveryKey");
    let request = bearing(request("POST", PATH, body.to_string()));
    let answer = send(&world.router(), request).await;
    assert_eq!(answer.code(), "kind_not_allowed");
    assert_eq!(
        answer.message(),
        "newCredentials.firstFactorCredential.credentialKind cannot be RecoveryKey here"
    );
}

#[tokio::test]
async fn conflicts_have_their_codes() {
    for (conflict, status, code) in [
        (
            CreateError::Authority(AuthorityConflict::Void),
            StatusCode::BAD_REQUEST,
            "challenge_invalid",
        ),
        (
            CreateError::CredentialIdTaken,
            StatusCode::CONFLICT,
            "credential_id_taken",
        ),
    ] {
        let mut world = world();
        world
            .recoveries
            .expect_recover()
            .times(1)
            .return_once(|_, _| Err(conflict));
        let answer = recovered(world, Ok(()), Ok(())).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
}

#[tokio::test]
async fn another_credential_is_no_recovery_factor() {
    let mut body = body();
    body["recovery"]["credentialAssertion"]["credId"] = json!("cGFzc2tleQ");
    let request = bearing(request("POST", PATH, body.to_string()));
    let answer = send(&world().router(), request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.code(), "recovery_credential_refused");
    assert_eq!(
        answer.message(),
        "Credential cannot be used as a recovery factor."
    );
}

#[tokio::test]
async fn the_temporary_token_is_required() {
    let answer = send(
        &World::new().router(),
        request("POST", PATH, body().to_string()),
    )
    .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.code(), "not_authorized");
}

#[tokio::test]
async fn bodies_name_the_member_at_fault() {
    for (pointer, value, problem) in [
        ("/recovery", json!(null), "is required"),
        ("/recovery", json!("x"), "must be an object"),
        ("/recovery/kind", json!(null), "is required"),
        ("/recovery/kind", json!("Key"), "must be RecoveryKey"),
        ("/recovery/credentialAssertion", json!(null), "is required"),
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
            "/newCredentials/firstFactorCredential",
            json!(null),
            "is required",
        ),
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
        let path = pointer.trim_start_matches('/').replace('/', ".");
        let message = format!("{path} {problem}");
        refused(PATH, body(), (pointer, value), &message).await;
    }
}

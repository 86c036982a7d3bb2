//! `POST /auth/recover/user`

use axum::{Extension, Json, extract::State};
use latchkey_json::Value;
use latchkey_service::recovery::CompleteRecovery;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        first_credentials::{FirstCredentialsBody, RegisteredBody},
        recovery::RecoveryProofBody,
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::TemporaryToken, client::Client, json_body::WholeBody},
    middleware::observe::Subject,
    state::AppState,
};

/// New credentials, and the proof that the holder of the recovery key wants exactly these.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RecoveryRequest {
    /// The proof made with the recovery key.
    recovery: RecoveryProofBody,
    /// The credentials to begin anew with: as at a registration, all of them sign the challenge of the
    /// init call.
    new_credentials: FirstCredentialsBody,
}

impl RecoveryRequest {
    /// The whole request; `received` are the new credentials as the recovery key must have signed them.
    fn with(
        self,
        TemporaryToken(temporary_token): TemporaryToken,
        received: Option<&Value>,
    ) -> Result<CompleteRecovery, ApiError> {
        Ok(CompleteRecovery {
            temporary_token,
            proof: self.recovery.try_into()?,
            received: received.map(Value::canonical).unwrap_or_default(),
            credentials: self.new_credentials.into_credentials("newCredentials.")?,
        })
    }
}

refusals!(Refusals: [BODY, SIGNED_IN], [
    OriginNotAllowed, ChallengeInvalid, ProofRefused, KindNotAllowed, CredentialIdTaken, FactorRefused,
    RecoveryCredentialRefused
]);

/// Complete a recovery
///
/// Puts new credentials in the place of all that the user has, all at once or none. Every earlier
/// credential, the recovery key included, and every session, user action and code of the user is void
/// afterwards. The bearer token is the `temporaryAuthenticationToken` of the init call. The recovery key
/// signs client data whose `challenge` is base64url of `newCredentials` as JSON text.
#[utoipa::path(
    post,
    path = "/auth/recover/user",
    operation_id = "completeRecovery",
    tag = "Recovery",
    security(("temporaryToken" = [])),
    request_body(content = RecoveryRequest, example = json!({
        "recovery": {
            "kind": "RecoveryKey",
            "credentialAssertion": {
                "credId": "cmVjb3Zlcnkta2l0",
                "clientData": "eyJ0eXBlIjoia2V5LmdldCIsImNoYWxsZW5nZSI6Ii4uLiJ9",
                "signature": "MEUCIQ..."
            }
        },
        "newCredentials": {
            "firstFactorCredential": {
                "credentialKind": "Key",
                "credentialInfo": {
                    "credId": "bGFwdG9w",
                    "clientData": "eyJ0eXBlIjoia2V5LmNyZWF0ZSIsImNoYWxsZW5nZSI6Ii4uLiJ9",
                    "attestationData": "eyJwdWJsaWNLZXkiOiIuLi4iLCJzaWduYXR1cmUiOiIuLi4ifQ"
                }
            }
        }
    })),
    responses(
        (status = 200, description = "The account is recovered", body = RegisteredBody),
        Refusals
    )
)]
pub(crate) async fn complete_recovery(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    token: TemporaryToken,
    request: WholeBody<RecoveryRequest>,
) -> Result<Json<RegisteredBody>, ApiError> {
    let WholeBody { shaped, json } = request;
    let request = shaped.with(token, json.get("newCredentials"))?;
    let recoveries = &state.services.recoveries;
    let registered = recoveries.complete(&caller, request).await?;
    subject.note(&registered.user.organization, &registered.user.id);
    Ok(Json(registered.into()))
}

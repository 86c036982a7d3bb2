//! `/auth/recover/user`: a user who has lost every credential makes new ones with a recovery key.

use axum::{Extension, Json, extract::State};
use latchkey_domain::{
    credential::CredentialReference, credential_code::EnteredCode, id::OrganizationId,
    text::Username,
};
use latchkey_json::Value;
use latchkey_service::recovery::{BeginRecovery, CompleteRecovery};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        creation::RecoveryChallengeBody,
        first_credentials::{FirstCredentialsBody, RegisteredBody},
        new_credential,
        recovery::RecoveryProofBody,
        text::{Text, organization},
    },
    error::{ApiError, documentation::refusals},
    extract::{
        bearer::TemporaryToken,
        client::Client,
        json_body::{JsonBody, WholeBody},
    },
    middleware::observe::Subject,
    state::AppState,
};

/// Whose account is to be recovered, and with what.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RecoveryInitRequest {
    /// The organization; may be left out when there is only one.
    #[schema(value_type = Option<String>, example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<Text<OrganizationId>>,
    /// The same as `orgId`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<Text<OrganizationId>>,
    /// Whose account it is.
    #[schema(value_type = String, example = "ada@example.com")]
    username: Text<Username>,
    /// The code that was mailed, in any case, with or without dashes or spaces.
    #[schema(value_type = String, example = "A7U-KY6-9PT")]
    verification_code: Text<EnteredCode>,
    /// The credential id of the recovery key, its `cr-…`, or the number of its kit: `XXXX-XXXX`, which is the first 35
    /// bits of the SHA-256 of the credential id without padding and a symbol that checks them, in the symbols of
    /// codes.
    #[schema(value_type = String, example = "cmVjb3Zlcnkta2l0")]
    credential_id: Text<CredentialReference>,
}

impl From<RecoveryInitRequest> for BeginRecovery {
    fn from(request: RecoveryInitRequest) -> Self {
        Self {
            organization: organization(request.org_id, request.tenant_id),
            username: request.username.0,
            code: request.verification_code.0,
            credential: request.credential_id.0,
        }
    }
}

refusals!(BeginRefusals: [BODY], [
    OrganizationRequired, NoApplication, RecoveryCredentialRefused, InvalidCode, OriginNotAllowed,
    TooManyAttempts
]);

/// Begin a recovery
///
/// Uses up a code that was mailed, and gives a challenge for new credentials with the recovery key that
/// is to sign them. All new credentials sign this challenge; the temporary token goes as bearer token
/// with them. With a right code that comes with a wrong recovery key, the code is not used up.
#[utoipa::path(
    post,
    path = "/auth/recover/user/init",
    operation_id = "beginRecovery",
    tag = "Recovery",
    request_body(content = RecoveryInitRequest, example = json!({
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st",
        "username": "ada@example.com",
        "verificationCode": "A7U-KY6-9PT",
        "credentialId": "cmVjb3Zlcnkta2l0"
    })),
    responses(
        (status = 200, description = "The challenge", body = RecoveryChallengeBody),
        BeginRefusals
    )
)]
pub(crate) async fn begin_recovery(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    JsonBody(request): JsonBody<RecoveryInitRequest>,
) -> Result<Json<RecoveryChallengeBody>, ApiError> {
    let recoveries = &state.use_cases.recoveries;
    let challenge = recoveries.begin(&caller, request.into()).await?;
    subject.note(&challenge.user.organization, &challenge.user.id);
    Ok(Json(challenge.into()))
}

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
    pub(crate) fn with(
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

refusals!(CompleteRefusals: [BODY, SIGNED_IN], [
    OriginNotAllowed, ChallengeInvalid, ProofRefused, KindNotAllowed, CredentialIdTaken, FactorRefused,
    RecoveryCredentialRefused, CredentialFresh
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
        "newCredentials": { "firstFactorCredential": new_credential::example() }
    })),
    responses(
        (status = 200, description = "The account is recovered", body = RegisteredBody),
        CompleteRefusals
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
    let recoveries = &state.use_cases.recoveries;
    let registered = recoveries.complete(&caller, request).await?;
    subject.note(&registered.user.organization, &registered.user.id);
    Ok(Json(registered.into()))
}

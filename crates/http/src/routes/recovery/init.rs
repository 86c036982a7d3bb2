//! `POST /auth/recover/user/init`

use axum::{Extension, Json, extract::State};
use latchkey_domain::{
    credential::CredentialReference, credential_code::EnteredCode, id::OrganizationId,
    text::Username,
};
use latchkey_service::recovery::BeginRecovery;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{creation::RecoveryChallengeBody, organization, text::Text},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
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
    /// The credential id of the recovery key, or its `cr-…`.
    #[schema(value_type = String, example = "cmVjb3Zlcnkta2l0")]
    credential_id: Text<CredentialReference>,
}

impl From<RecoveryInitRequest> for BeginRecovery {
    fn from(request: RecoveryInitRequest) -> Self {
        Self {
            organization: organization::named(request.org_id, request.tenant_id),
            username: request.username.0,
            code: request.verification_code.0,
            credential: request.credential_id.0,
        }
    }
}

refusals!(Refusals: [BODY], [
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
        Refusals
    )
)]
pub(crate) async fn begin_recovery(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    JsonBody(request): JsonBody<RecoveryInitRequest>,
) -> Result<Json<RecoveryChallengeBody>, ApiError> {
    let recoveries = &state.services.recoveries;
    let challenge = recoveries.begin(&caller, request.into()).await?;
    subject.note(&challenge.user.organization, &challenge.user.id);
    Ok(Json(challenge.into()))
}

//! `POST /auth/credentials/init`

use axum::{Json, extract::State};
use latchkey_domain::credential::CredentialKind;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        creation::CredentialChallenge,
        text::{Text, required},
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, client::Client, json_body::JsonBody},
    state::AppState,
};

/// What is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CredentialInitRequest {
    /// `Fido2`, `Key`, `PasswordProtectedKey` or `RecoveryKey`.
    #[schema(value_type = String, required = true, example = "Fido2")]
    kind: Option<Text<CredentialKind>>,
    /// The same as `kind`.
    #[schema(value_type = Option<String>)]
    credential_kind: Option<Text<CredentialKind>>,
}

refusals!(Refusals: [BODY, SIGNED_IN], [NoApplication, OriginNotAllowed]);

/// Begin adding a credential
///
/// Gives a challenge for a new credential of the signed-in user.
#[utoipa::path(
    post,
    path = "/auth/credentials/init",
    operation_id = "beginCredential",
    tag = "Credentials",
    security(("bearer" = [])),
    request_body(content = CredentialInitRequest, example = json!({"kind": "Fido2"})),
    responses((status = 200, description = "The challenge", body = CredentialChallenge), Refusals)
)]
pub(crate) async fn begin_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    SignedIn(session): SignedIn,
    JsonBody(request): JsonBody<CredentialInitRequest>,
) -> Result<Json<CredentialChallenge>, ApiError> {
    let Text(kind) = required(request.kind.or(request.credential_kind), "kind")?;
    let credentials = &state.services.credentials;
    let challenge = credentials.begin(&caller, &session, kind).await?;
    Ok(Json(challenge.into()))
}

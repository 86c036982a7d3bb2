//! `PUT /auth/credentials/deactivate`

use axum::{Json, extract::State};
use latchkey_domain::id::CredentialUuid;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{message::Message, text::Text},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, signed::Signed},
    state::AppState,
};

/// Which credential.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct DeactivateRequest {
    /// The credential.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(Refusals: [BODY, SIGNED], [CredentialNotFound, CredentialWaits, LastCredential]);

/// Deactivate a credential
///
/// A credential that is not active proves nothing, and its sessions, user actions and codes end. The last
/// credential that the user can sign in with stays active.
#[utoipa::path(
    put,
    path = "/auth/credentials/deactivate",
    operation_id = "deactivateCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = DeactivateRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    })),
    responses((status = 200, description = "Done", body = Message), Refusals)
)]
pub(crate) async fn deactivate_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<DeactivateRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = &signed.body.credential_uuid;
    state
        .services
        .credentials
        .set_active(&caller, &signed.request, credential, false)
        .await?;
    Ok(Json(Message::SUCCESS))
}

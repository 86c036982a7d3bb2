//! `PUT /auth/credentials/activate`

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
pub(crate) struct ActivateRequest {
    /// The credential.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(Refusals: [BODY, SIGNED], [CredentialNotFound, CredentialWaits]);

/// Activate a credential
///
/// Asking for the state it is in changes nothing.
#[utoipa::path(
    put,
    path = "/auth/credentials/activate",
    operation_id = "activateCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = ActivateRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    })),
    responses((status = 200, description = "Done", body = Message), Refusals)
)]
pub(crate) async fn activate_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<ActivateRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = &signed.body.credential_uuid;
    state
        .services
        .credentials
        .set_active(&caller, &signed.request, credential, true)
        .await?;
    Ok(Json(Message::SUCCESS))
}

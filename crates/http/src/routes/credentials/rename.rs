//! `PUT /auth/credentials/{credentialUuid}`

use axum::{Json, extract::State};
use latchkey_domain::{id::CredentialUuid, text::CredentialName};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{credential::CredentialBody, text::Text},
    error::{ApiError, documentation::refusals},
    extract::{path::PathId, signed::Signed},
    state::AppState,
};

/// A new name.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RenameRequest {
    /// What the user calls it; 1 to 128 characters.
    #[schema(value_type = String, example = "My old phone")]
    name: Text<CredentialName>,
}

refusals!(Refusals: [BODY, SIGNED], [CredentialNotFound, CredentialWaits]);

/// Rename a credential
///
/// Changes what its owner calls a credential, active or not.
#[utoipa::path(
    put,
    path = "/auth/credentials/{credentialUuid}",
    operation_id = "renameCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    params(("credentialUuid" = String, Path, description = "The credential", example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")),
    request_body(content = RenameRequest, example = json!({ "name": "My old phone" })),
    responses((status = 200, description = "The credential", body = CredentialBody), Refusals)
)]
pub(crate) async fn rename_credential(
    State(state): State<AppState>,
    PathId(credential): PathId<CredentialUuid>,
    signed: Signed<RenameRequest>,
) -> Result<Json<CredentialBody>, ApiError> {
    let Text(name) = signed.body.name;
    let credentials = &state.services.credentials;
    let renamed = credentials
        .rename(&signed.request, &credential, name)
        .await?;
    Ok(Json(renamed.into()))
}

//! `DELETE /auth/credentials/{credentialUuid}`

use axum::{Json, extract::State};
use latchkey_domain::id::CredentialUuid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{ApiError, documentation::refusals},
    extract::{client::Client, path::PathId, signed::Signed},
    state::AppState,
};

/// Nothing is read of the body.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct DeleteRequest {}

/// Nothing is left to say.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({}))]
pub(crate) struct DeleteResponse {}

refusals!(Refusals: [BODY, SIGNED], [CredentialNotFound, LastCredential]);

/// Delete a credential
///
/// Its credential id is free again. The last credential that the user can sign in with cannot be
/// deleted.
#[utoipa::path(
    delete,
    path = "/auth/credentials/{credentialUuid}",
    operation_id = "deleteCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    params((
        "credentialUuid" = String,
        Path,
        description = "The credential",
        example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    )),
    responses((status = 200, description = "Deleted", body = DeleteResponse), Refusals)
)]
pub(crate) async fn delete_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    PathId(credential): PathId<CredentialUuid>,
    signed: Signed<DeleteRequest>,
) -> Result<Json<DeleteResponse>, ApiError> {
    let credentials = &state.services.credentials;
    credentials
        .delete(&caller, &signed.request, &credential)
        .await?;
    Ok(Json(DeleteResponse {}))
}

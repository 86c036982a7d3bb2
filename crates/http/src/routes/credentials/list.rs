//! `GET /auth/credentials`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::credential::CredentialBody,
    error::{ApiError, documentation::refusals},
    extract::bearer::SignedIn,
    state::AppState,
};

/// The credentials of a user.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "kind": "Fido2",
        "credentialId": "qkKZ-aW1YSRJK0OESzNk8A",
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "dateCreated": "2026-01-31T12:00:00.000Z",
        "isActive": true,
        "name": "My telephone",
        "publicKey": "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMFkw...\n-----END PUBLIC KEY-----\n",
        "relyingPartyId": "example.com",
        "origin": "https://app.example.com",
        "aaguid": "00000000-0000-0000-0000-000000000000",
        "backupEligible": true,
        "backedUp": true,
        "createdBy": "credential",
        "createdOrigin": "https://app.example.com",
        "createdAddress": "203.0.113.9"
    }]
}))]
pub(crate) struct CredentialList {
    /// Oldest first.
    items: Vec<CredentialBody>,
}

refusals!(Refusals: [PLAIN, SIGNED_IN], []);

/// List credentials
///
/// Every credential of the user, of every kind, active or not.
#[utoipa::path(
    get,
    path = "/auth/credentials",
    operation_id = "listCredentials",
    tag = "Credentials",
    security(("bearer" = [])),
    responses((status = 200, description = "The credentials", body = CredentialList), Refusals)
)]
pub(crate) async fn list_credentials(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
) -> Result<Json<CredentialList>, ApiError> {
    let credentials = state.services.credentials.list(&session).await?;
    let items = credentials.into_iter().map(CredentialBody::from).collect();
    Ok(Json(CredentialList { items }))
}

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

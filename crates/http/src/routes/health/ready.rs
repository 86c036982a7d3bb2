//! `GET /health/ready`

use axum::{Json, extract::State};

use super::live::Health;
use crate::{
    error::{ApiError, ErrorCode, documentation::refusals},
    state::AppState,
};

refusals!(Refusals: [], [NotReady]);

/// Whether requests can be served
///
/// Asks the database: a process that is not ready should get no requests for now.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "Operation",
    responses((status = 200, description = "They can", body = Health), Refusals)
)]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, ApiError> {
    match state.services.installation.ping().await {
        Ok(()) => Ok(Json(Health::OK)),
        Err(error) => Err(ApiError {
            cause: Some(error.into()),
            ..ApiError::new(ErrorCode::NotReady)
        }),
    }
}

//! `GET /openapi.json`

use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};

use crate::state::AppState;

/// This description
///
/// The API as an OpenAPI document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getDescription",
    tag = "Operation",
    responses((status = 200, description = "The description", body = serde_json::Value))
)]
pub(crate) async fn get_description(State(state): State<AppState>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/json")];
    (headers, state.description.to_string())
}

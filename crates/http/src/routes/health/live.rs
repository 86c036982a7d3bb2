//! `GET /health/live`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of the service.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "ok" }))]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

impl Health {
    /// All is well.
    pub(crate) const OK: Self = Self { status: "ok" };
}

/// Whether the process answers
///
/// Touches nothing else: a process that does not answer should be started again.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "Operation",
    responses((status = 200, description = "It does", body = Health))
)]
pub(crate) async fn live() -> Json<Health> {
    Json(Health::OK)
}

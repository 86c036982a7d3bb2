//! `GET /.well-known/passkey-endpoints`

use axum::{
    extract::State,
    http::{HeaderMap, header::CACHE_CONTROL},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ErrorCode, documentation::refusals},
    extract::place::host,
    state::AppState,
};

/// Where passkeys are made and managed (W3C, "A Well-Known URL for Relying Party Passkey Endpoints").
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "enroll": "https://app.example.com/enrol",
    "manage": "https://app.example.com/account"
}))]
pub(crate) struct PasskeyEndpointsBody {
    /// The page where a passkey is made.
    #[schema(example = "https://app.example.com/enrol")]
    enroll: String,
    /// The page where they are managed.
    #[schema(example = "https://app.example.com/account")]
    manage: String,
}

refusals!(Refusals: [PLAIN], [ApplicationNotFound]);

/// The pages of an RP id
///
/// What password managers ask the host of an RP id for, to lead a person to the pages where passkeys are
/// made and managed. Only where this service serves pages, and for the `Host` of the request.
#[utoipa::path(
    get,
    path = "/.well-known/passkey-endpoints",
    operation_id = "getPasskeyEndpoints",
    tag = "Pages",
    responses((status = 200, description = "The pages", body = PasskeyEndpointsBody), Refusals)
)]
pub(crate) async fn get_passkey_endpoints(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let snapshot = state.services.directory.snapshot().await?;
    let applications = snapshot.at_rp_id(host(&headers).unwrap_or_default());
    let page = applications
        .iter()
        .find_map(|application| application.relying_party.first_page())
        .filter(|_page| state.services.settings.has_pages)
        .ok_or(ErrorCode::ApplicationNotFound)?;
    let body = PasskeyEndpointsBody {
        enroll: format!("{page}/enrol"),
        manage: format!("{page}/account"),
    };
    let cached = [(CACHE_CONTROL, "public, max-age=300")];
    Ok((cached, axum::Json(body)))
}

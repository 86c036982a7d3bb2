//! `GET /.well-known/webauthn`

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

/// Where an RP id may be used (WebAuthn Level 3 §5.11.1).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "origins": ["https://app.example.com"] }))]
pub(crate) struct RelatedOriginsBody {
    /// The web origins of the applications with that RP id.
    #[schema(example = json!(["https://app.example.com"]))]
    origins: Vec<String>,
}

refusals!(Refusals: [PLAIN], [ApplicationNotFound]);

/// The origins of an RP id
///
/// What browsers ask the host of an RP id for when a page of another origin wants to use it. For the `Host`
/// of the request; other hosts have none.
#[utoipa::path(
    get,
    path = "/.well-known/webauthn",
    operation_id = "getRelatedOrigins",
    tag = "Pages",
    responses((status = 200, description = "The origins", body = RelatedOriginsBody), Refusals)
)]
pub(crate) async fn get_related_origins(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let snapshot = state.services.directory.snapshot().await?;
    let applications = snapshot.at_rp_id(host(&headers).unwrap_or_default());
    let mut origins: Vec<_> = applications
        .iter()
        .flat_map(|application| application.relying_party.origins())
        .filter(|origin| origin.is_web())
        .map(ToString::to_string)
        .collect();
    origins.sort();
    origins.dedup();
    if origins.is_empty() {
        return Err(ErrorCode::ApplicationNotFound.into());
    }
    let cached = [(CACHE_CONTROL, "public, max-age=300")];
    Ok((cached, axum::Json(RelatedOriginsBody { origins })))
}

//! `GET /.well-known/apple-app-site-association`

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

/// Which Apple applications belong to the host (Apple, "Supporting associated domains").
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "webcredentials": { "apps": ["A1B2C3D4E5.com.example.app"] } }))]
pub(crate) struct AppSiteAssociationBody {
    webcredentials: AppleApplicationsBody,
}

/// The applications that may use the host's passkeys.
#[derive(Serialize, ToSchema)]
struct AppleApplicationsBody {
    /// Their App IDs.
    #[schema(example = json!(["A1B2C3D4E5.com.example.app"]))]
    apps: Vec<String>,
}

refusals!(Refusals: [PLAIN], [ApplicationNotFound]);

/// The Apple applications of an RP id
///
/// What Apple's devices ask the host of an RP id for when an application wants to use it. For the `Host`
/// of the request; other hosts have none.
#[utoipa::path(
    get,
    path = "/.well-known/apple-app-site-association",
    operation_id = "getAppSiteAssociation",
    tag = "Pages",
    responses(
        (status = 200, description = "The applications", body = AppSiteAssociationBody),
        Refusals
    )
)]
pub(crate) async fn get_app_site_association(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let snapshot = state.services.directory.snapshot().await?;
    let applications = snapshot.at_rp_id(host(&headers).unwrap_or_default());
    let mut apps: Vec<_> = applications
        .iter()
        .filter_map(|application| application.native.apple.as_ref())
        .map(ToString::to_string)
        .collect();
    apps.sort();
    apps.dedup();
    if apps.is_empty() {
        return Err(ErrorCode::ApplicationNotFound.into());
    }
    let cached = [(CACHE_CONTROL, "public, max-age=300")];
    let webcredentials = AppleApplicationsBody { apps };
    Ok((
        cached,
        axum::Json(AppSiteAssociationBody { webcredentials }),
    ))
}

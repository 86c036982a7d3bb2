//! `GET /.well-known/assetlinks.json`

use axum::{
    extract::State,
    http::{HeaderMap, header::CACHE_CONTROL},
    response::IntoResponse,
};
use data_encoding::HEXUPPER;
use latchkey_domain::application::Application;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ErrorCode, documentation::refusals},
    extract::place::host,
    state::AppState,
};

/// What the host lets an Android application do (Digital Asset Links).
#[derive(Serialize, ToSchema)]
pub(crate) struct AssetLinkBody {
    /// Share its passkeys. Android asks for the first one to let an application use passkeys, and for the
    /// second one to offer them.
    #[schema(example = json!(RELATION))]
    relation: [&'static str; 2],
    target: AndroidTargetBody,
}

/// An Android application.
#[derive(Serialize, ToSchema)]
struct AndroidTargetBody {
    #[schema(example = "android_app")]
    namespace: &'static str,
    #[schema(example = "com.example.app")]
    package_name: String,
    /// The SHA-256 of the certificates it is signed with.
    #[schema(example = json!([FINGERPRINT]))]
    sha256_cert_fingerprints: Vec<String>,
}

const RELATION: [&str; 2] = [
    "delegate_permission/common.handle_all_urls",
    "delegate_permission/common.get_login_creds",
];

/// In examples.
const FINGERPRINT: &str = "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:\
                           27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";

impl AssetLinkBody {
    /// Absent when the application has none for Android, or does not say how it is signed.
    fn of(application: &Application) -> Option<Self> {
        let package = application.native.android.as_ref()?;
        let fingerprints: Vec<_> = application
            .relying_party
            .origins()
            .iter()
            .filter_map(|origin| Some(fingerprint(&origin.certificate_digest()?)))
            .collect();
        (!fingerprints.is_empty()).then(|| Self {
            relation: RELATION,
            target: AndroidTargetBody {
                namespace: "android_app",
                package_name: package.to_string(),
                sha256_cert_fingerprints: fingerprints,
            },
        })
    }
}

/// Pairs of digits with colons between them.
fn fingerprint(digest: &[u8]) -> String {
    let pairs: Vec<_> = digest
        .iter()
        .map(|byte| HEXUPPER.encode(&[*byte]))
        .collect();
    pairs.join(":")
}

refusals!(Refusals: [PLAIN], [ApplicationNotFound]);

/// The Android applications of an RP id
///
/// What Android asks the host of an RP id for when an application wants to use it. For the `Host` of the
/// request; other hosts have none, nor has an application that lists no `android:apk-key-hash:` origin.
#[utoipa::path(
    get,
    path = "/.well-known/assetlinks.json",
    operation_id = "getAssetLinks",
    tag = "Pages",
    responses((
        status = 200,
        description = "The applications",
        body = Vec<AssetLinkBody>,
        example = json!([{
            "relation": RELATION,
            "target": {
                "namespace": "android_app",
                "package_name": "com.example.app",
                "sha256_cert_fingerprints": [FINGERPRINT]
            }
        }])
    ), Refusals)
)]
pub(crate) async fn get_asset_links(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let snapshot = state.services.directory.snapshot().await?;
    let applications = snapshot.at_rp_id(host(&headers).unwrap_or_default());
    let links: Vec<_> = applications
        .into_iter()
        .filter_map(AssetLinkBody::of)
        .collect();
    if links.is_empty() {
        return Err(ErrorCode::ApplicationNotFound.into());
    }
    let cached = [(CACHE_CONTROL, "public, max-age=300")];
    Ok((cached, axum::Json(links)))
}

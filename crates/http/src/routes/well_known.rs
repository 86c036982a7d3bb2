//! `/.well-known`: what browsers, password managers and phones look for at an RP id, which is the `Host`
//! of their request.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::State,
    http::header::{CACHE_CONTROL, HeaderName},
};
use data_encoding::HEXUPPER;
use latchkey_domain::application::Application;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ErrorCode, documentation::refusals},
    extract::page::AtRpId,
    state::AppState,
};

/// An answer that may be kept for a while.
type Cached<T> = ([(HeaderName, &'static str); 1], Json<T>);

refusals!(Refusals: [PLAIN], [ApplicationNotFound]);

/// Where an RP id may be used (WebAuthn Level 3 §5.11.1).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "origins": ["https://app.example.com"] }))]
pub(crate) struct RelatedOriginsBody {
    /// The web origins of the applications with that RP id.
    #[schema(example = json!(["https://app.example.com"]))]
    origins: Vec<String>,
}

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
    AtRpId(applications): AtRpId,
) -> Result<Cached<RelatedOriginsBody>, ApiError> {
    let origins = applications
        .iter()
        .flat_map(|application| application.relying_party.origins())
        .filter(|origin| origin.is_web());
    let origins = sorted(origins);
    cached(!origins.is_empty(), RelatedOriginsBody { origins })
}

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
    /// The page where they are managed; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://app.example.com/account")]
    manage: Option<String>,
}

/// The pages of an RP id
///
/// What password managers ask the host of an RP id for, to lead a person to the pages where passkeys are
/// made and managed. Only where there are such pages, and for the `Host` of the request.
#[utoipa::path(
    get,
    path = "/.well-known/passkey-endpoints",
    operation_id = "getPasskeyEndpoints",
    tag = "Pages",
    responses((status = 200, description = "The pages", body = PasskeyEndpointsBody), Refusals)
)]
pub(crate) async fn get_passkey_endpoints(
    State(state): State<AppState>,
    AtRpId(applications): AtRpId,
) -> Result<Cached<PasskeyEndpointsBody>, ApiError> {
    let prefix = state.use_cases.settings.pages.as_ref();
    let mut applications = applications.iter();
    // Of the application that has a page for codes, so that both are about the same one.
    let found = applications.find_map(|application| {
        let enroll = application.enrol_page(None, prefix)?;
        Some((application, enroll))
    });
    let (application, enroll) = found.ok_or(ErrorCode::ApplicationNotFound)?;
    let page = application.page(None, prefix);
    cached(
        true,
        PasskeyEndpointsBody {
            enroll,
            manage: page.map(|page| format!("{page}/account")),
        },
    )
}

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
    AtRpId(applications): AtRpId,
) -> Result<Cached<Vec<AssetLinkBody>>, ApiError> {
    let links: Vec<_> = applications
        .iter()
        .filter_map(|application| AssetLinkBody::of(application))
        .collect();
    cached(!links.is_empty(), links)
}

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
    AtRpId(applications): AtRpId,
) -> Result<Cached<AppSiteAssociationBody>, ApiError> {
    let apps = applications
        .iter()
        .filter_map(|application| application.native.apple.as_ref());
    let apps = sorted(apps);
    let webcredentials = AppleApplicationsBody { apps };
    cached(
        !webcredentials.apps.is_empty(),
        AppSiteAssociationBody { webcredentials },
    )
}

/// As texts, in order and each of them once.
fn sorted(values: impl Iterator<Item = impl ToString>) -> Vec<String> {
    let distinct: BTreeSet<_> = values.map(|value| value.to_string()).collect();
    distinct.into_iter().collect()
}

/// The answer, if there is something to say.
fn cached<T>(is_there: bool, body: T) -> Result<Cached<T>, ApiError> {
    if is_there {
        Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(body)))
    } else {
        Err(ErrorCode::ApplicationNotFound.into())
    }
}

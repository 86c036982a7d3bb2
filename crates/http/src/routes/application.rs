//! `GET /auth/application`

use std::sync::Arc;

use axum::Json;
use latchkey_domain::{
    application::{Application, Origin},
    organization::Organization,
};
use latchkey_service::directory::page::Page;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    error::{ApiError, documentation::refusals},
    extract::page::At,
};

/// Where a page is.
#[derive(Serialize, ToSchema)]
#[schema(example = example)]
pub(crate) struct PlaceBody {
    organization: OrganizationBody,
    /// The application whose page asks.
    application: ApplicationBody,
    /// Every application of the organization, oldest first, the page's own included.
    applications: Vec<ApplicationBody>,
    /// Whether credentials made with a code wait until their owner approves them: `never` or `always`.
    #[schema(example = "never")]
    approval: &'static str,
}

/// A page, in the description.
fn example() -> Value {
    let application = json!({
        "id": "ap-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "name": "Example app",
        "rpId": "example.com",
        "origin": "https://app.example.com"
    });
    json!({
        "organization": { "id": "or-3277q-4hcvk-9lmnbrj2q3qd6st", "name": "Example" },
        "application": application,
        "applications": [application],
        "approval": "never"
    })
}

/// An organization.
#[derive(Serialize, ToSchema)]
struct OrganizationBody {
    #[schema(example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    id: String,
    #[schema(example = "Example")]
    name: String,
}

/// An application: a relying party and where it runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApplicationBody {
    #[schema(example = "ap-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    id: String,
    #[schema(example = "Example app")]
    name: String,
    #[schema(example = "example.com")]
    rp_id: String,
    /// The page's origin for its own application, for another one the first its pages run on; a native
    /// application without pages has an `android:` origin.
    #[schema(example = "https://app.example.com")]
    origin: String,
}

impl From<Page> for PlaceBody {
    fn from(page: Page) -> Self {
        let here = &page.application;
        let body = |application: &Arc<Application>| {
            if application.id == here.id {
                ApplicationBody::at(application, Some(&page.origin))
            } else {
                ApplicationBody::at(application, application.relying_party.first_page())
            }
        };
        Self {
            application: body(here),
            applications: page.applications.iter().map(body).collect(),
            approval: page.organization.approval.as_str(),
            organization: (&page.organization).into(),
        }
    }
}

impl From<&Organization> for OrganizationBody {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.to_string(),
        }
    }
}

impl ApplicationBody {
    fn at(application: &Application, origin: Option<&Origin>) -> Self {
        let party = &application.relying_party;
        let origin = origin.or_else(|| party.origins().first());
        Self {
            id: application.id.to_string(),
            name: application.name.to_string(),
            rp_id: party.rp_id().to_string(),
            origin: origin.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

refusals!(Refusals: [PLAIN], [ApplicationNotFound]);

/// Ask where a page is
///
/// The application and organization of the page that asks: by its `Origin`, or by `Host` when it sends
/// none, as pages do that this service itself serves. Nobody needs to be signed in. It is information to
/// show; no ceremony depends on it.
#[utoipa::path(
    get,
    path = "/auth/application",
    operation_id = "getApplication",
    tag = "Pages",
    params((
        "orgId" = Option<String>,
        Query,
        description = "The organization, where several have an application at this origin; the oldest application's \
                       otherwise",
        example = "or-3277q-4hcvk-9lmnbrj2q3qd6st"
    )),
    responses(
        (status = 200, description = "Where it is", body = PlaceBody, example = json!(example())),
        Refusals
    )
)]
pub(crate) async fn get_application(At(page): At) -> Result<Json<PlaceBody>, ApiError> {
    Ok(Json(page.into()))
}

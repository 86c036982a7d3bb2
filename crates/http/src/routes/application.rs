//! `GET /auth/application`

use std::sync::Arc;

use axum::{Json, extract::State};
use latchkey_domain::{
    application::{Application, Origin, pages::PagePrefix},
    organization::Organization,
};
use latchkey_service::directory::page::Page;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{error::documentation::refusals, extract::page::At, state::AppState};

/// Where a page is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = example)]
pub(crate) struct PlaceBody {
    organization: OrganizationBody,
    /// The application whose page asks.
    application: ApplicationBody,
    /// Every application of the organization, oldest first, the page's own included.
    applications: Vec<ApplicationBody>,
    /// Where a session can go to after a sign-in on this page (`returnTo`): the web origins of the application.
    #[schema(example = json!(["https://app.example.com"]))]
    return_origins: Vec<String>,
    /// Whether credentials made with a code wait until their owner approves them: `never` or `always`.
    #[schema(example = "never")]
    approval: &'static str,
    /// From where a place where nobody is signed in may ask for a code: `nowhere`, `same-network` or `anywhere`.
    #[schema(example = "nowhere")]
    code_requests: &'static str,
    /// For how many seconds a credential that was made with a code is fresh: until then it signs in, and changes
    /// nothing but itself. For none where that is `0`.
    #[schema(example = 0)]
    freshness: u64,
}

/// A page, in the description.
fn example() -> Value {
    let application = json!({
        "id": "ap-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "name": "Example app",
        "rpId": "example.com",
        "origin": "https://app.example.com",
        "enrolUrl": "https://app.example.com/enrol",
        "accountUrl": "https://app.example.com/account"
    });
    json!({
        "organization": { "id": "or-3277q-4hcvk-9lmnbrj2q3qd6st", "name": "Example" },
        "application": application,
        "applications": [application],
        "returnOrigins": ["https://app.example.com"],
        "approval": "never",
        "codeRequests": "nowhere",
        "freshness": 0
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
    /// The page where a code for a credential of the application is entered, which takes the code behind `#`;
    /// left out where there is none, and then the application is no place to go with a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://app.example.com/enrol")]
    enrol_url: Option<String>,
    /// The page of this service where users of the application have their account, which takes the code that a place
    /// shows behind `#request=`; left out where this service serves no pages for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://app.example.com/account")]
    account_url: Option<String>,
}

impl PlaceBody {
    /// Of a page, where this service serves its own below that prefix.
    fn new(page: &Page, prefix: Option<&PagePrefix>) -> Self {
        let here = &page.application;
        let body = |application: &Arc<Application>| {
            let origin = (application.id == here.id).then_some(&page.origin);
            ApplicationBody::at(application, origin, prefix)
        };
        Self {
            application: body(here),
            applications: page.applications.iter().map(body).collect(),
            return_origins: here
                .relying_party
                .origins()
                .iter()
                .filter(|origin| origin.is_web())
                .map(ToString::to_string)
                .collect(),
            approval: page.organization.approval.as_str(),
            code_requests: page.organization.requests_from.as_str(),
            freshness: page.organization.freshness.duration().as_secs(),
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
    /// Of an application, of which that origin is the page's own.
    fn at(application: &Application, here: Option<&Origin>, prefix: Option<&PagePrefix>) -> Self {
        let party = &application.relying_party;
        let origin = here
            .or_else(|| party.first_page())
            .or_else(|| party.origins().first());
        let page = here.filter(|here| here.is_web());
        Self {
            id: application.id.to_string(),
            name: application.name.to_string(),
            rp_id: party.rp_id().to_string(),
            origin: origin.map(ToString::to_string).unwrap_or_default(),
            enrol_url: application.enrol_page(page, prefix),
            account_url: application
                .page(page, prefix)
                .map(|pages| format!("{pages}/account")),
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
pub(crate) async fn get_application(
    State(state): State<AppState>,
    At(page): At,
) -> Json<PlaceBody> {
    let prefix = state.use_cases.settings.pages.as_ref();
    Json(PlaceBody::new(&page, prefix))
}

#![doc = include_str!("../README.md")]

mod routes;

mod extract;

mod dto;

mod error;

mod middleware;

mod description;

mod state;

mod meter;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::Uri,
    middleware::{from_fn, from_fn_with_state, map_response},
    response::Response,
    routing::get,
};
use latchkey_service::{live::Live, use_cases::UseCases};
use utoipa::openapi::{OpenApi, ServerBuilder};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    error::{ApiError, ErrorCode},
    middleware::{
        alone::Alone,
        body::body,
        cors::cors,
        harden::harden,
        observe::{AsItIs, observe},
        path::path,
        query::{Queries, query},
    },
    routes::{
        action, application, credential_code, credentials, login, mailed_codes, not_offered,
        operation, recovery, registration, session, session_code, users, well_known,
    },
    state::AppState,
};
pub use self::{
    extract::signed::payload_digest,
    meter::{Meter, Unmetered},
    state::{Beside, HttpSettings, RefusalPage},
};

/// Every route, in the order a user meets them.
fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(description::head())
        // An invited user makes the first credentials.
        .routes(routes!(registration::begin_registration))
        .routes(routes!(registration::complete_registration))
        .routes(routes!(mailed_codes::mail_registration_code))
        // A user who has lost every credential makes new ones.
        .routes(routes!(
            mailed_codes::mail_recovery_code,
            mailed_codes::mail_recovery_code_as_before
        ))
        .routes(routes!(recovery::begin_recovery))
        .routes(routes!(recovery::complete_recovery))
        // Sessions.
        .routes(routes!(mailed_codes::mail_login_code))
        .routes(routes!(login::begin_login))
        .routes(routes!(login::complete_login))
        .routes(routes!(session::get_session))
        .routes(routes!(session_code::issue_session_code))
        .routes(routes!(session_code::exchange_session_code))
        .routes(routes!(login::logout))
        // A signed-in user signs exactly one request.
        .routes(routes!(action::begin_user_action))
        .routes(routes!(action::complete_user_action))
        // A signed-in user manages credentials.
        .routes(routes!(
            credentials::list_credentials,
            credentials::create_credential
        ))
        .routes(routes!(credentials::begin_credential))
        .routes(routes!(credentials::activate_credential))
        .routes(routes!(credentials::deactivate_credential))
        .routes(routes!(
            credentials::rename_credential,
            credentials::delete_credential
        ))
        // Create Credential With Code.
        .routes(routes!(
            credential_code::issue::issue_credential_code,
            credential_code::newest::get_credential_code,
            credential_code::newest::cancel_credential_code
        ))
        .routes(routes!(credential_code::init::begin_credential_with_code))
        .routes(routes!(
            credential_code::verify::create_credential_with_code
        ))
        .routes(routes!(credential_code::release::release_credential_code))
        .routes(routes!(credential_code::approval::approve_credential))
        .routes(routes!(credential_code::approval::refuse_credential))
        .routes(routes!(credential_code::approval::get_approval_status))
        // The same the other way round.
        .routes(routes!(credential_code::request::request_credential_code))
        .routes(routes!(credential_code::request::get_code_request_status))
        .routes(routes!(credential_code::request::find_code_request))
        .routes(routes!(credential_code::request::grant_code_request))
        .routes(routes!(credential_code::request::refuse_code_request))
        // A page asks where it is.
        .routes(routes!(application::get_application))
        .routes(routes!(well_known::get_related_origins))
        .routes(routes!(well_known::get_passkey_endpoints))
        .routes(routes!(well_known::get_asset_links))
        .routes(routes!(well_known::get_app_site_association))
        // An administrator manages the users of the organization.
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(
            users::get_user,
            users::update_user,
            users::delete_user
        ))
        .routes(routes!(users::activate_user))
        .routes(routes!(users::deactivate_user))
        // For whoever runs the service, and for other services.
        .routes(routes!(operation::live))
        .routes(routes!(operation::ready))
        .routes(routes!(operation::get_keys))
        .routes(routes!(operation::get_metadata))
        .routes(routes!(operation::get_description))
}

/// The whole API, ready to be served. Whoever serves it puts the peer's address into each request as
/// `ConnectInfo<SocketAddr>`, and lets the use cases [`work`](UseCases::work) beside it.
pub fn router(use_cases: Arc<UseCases>, settings: HttpSettings) -> Router {
    router_with_pages(use_cases, settings, Beside::default())
}

/// The whole API with pages or other routes beside it, whose requests pass the same middleware: they are
/// named, bounded, logged, measured and refused like those of the API.
pub fn router_with_pages(
    use_cases: Arc<UseCases>,
    settings: HttpSettings,
    beside: Beside,
) -> Router {
    let (router, description) = table().split_for_parts();
    let queries = Queries::of(&description);
    let description = served_at(description, &settings.public_url);
    let alone = settings
        .this_machine_alone
        .then(|| Alone::new(Arc::clone(&use_cases)));
    let state = AppState {
        use_cases,
        settings: Arc::new(settings),
        told_of_forwarding: Live::default(),
        description: description.into(),
        refusal_page: beside.refusal_page,
        meter: beside.meter,
    };
    // Layers wrap what stands before them: a request passes them from the bottom up.
    let mut router = router
        .route_layer(from_fn_with_state(queries, query))
        .merge(not_offered::routes())
        .merge(beside.routes.with_state(()))
        .fallback(not_found)
        .layer(from_fn(body))
        .layer(from_fn(path))
        .layer(from_fn_with_state(state.clone(), cors));
    if let Some(alone) = alone {
        router = router.layer(from_fn_with_state(alone, middleware::alone::alone));
    }
    router
        .layer(from_fn(harden))
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

/// Routes of somebody else's, to stand beside the API with what they answer left as it is: a refusal of the
/// pages, which is no more than a status, gets the body that errors of the API have.
pub fn as_they_are(routes: Router) -> Router {
    routes.layer(map_response(async |mut response: Response| {
        response.extensions_mut().insert(AsItIs);
        response
    }))
}

/// What answers while there is no room for another connection: 503, to be tried again, but for who asks
/// whether the process lives; ending it would help nobody. Such requests are named and logged like all others.
/// What is `beside` it must cost as little.
pub fn no_room(use_cases: Arc<UseCases>, mut beside: Beside) -> Router {
    beside.routes = beside
        .routes
        .route("/health/live", get(operation::live).with_state::<()>(()))
        .fallback(unavailable);
    apart(use_cases, beside)
}

/// What answers requests that do not name the one host that they are for: 400, since what stands before the
/// service may have understood another one. They are named and logged like all others.
/// Routes that are beside it are not served.
pub fn no_host(use_cases: Arc<UseCases>, mut beside: Beside) -> Router {
    beside.routes = Router::new().fallback(not_one_host);
    apart(use_cases, beside)
}

/// Routes that are not the service, with what surrounds it.
fn apart(use_cases: Arc<UseCases>, beside: Beside) -> Router {
    let state = AppState {
        use_cases,
        settings: Arc::default(),
        told_of_forwarding: Live::default(),
        description: "".into(),
        refusal_page: beside.refusal_page,
        meter: beside.meter,
    };
    beside
        .routes
        .layer(from_fn(harden))
        .layer(from_fn_with_state(state, observe))
}

/// The description of the API, without the address of a server.
pub fn openapi() -> OpenApi {
    table().into_openapi()
}

/// The description of the API as the service at that address serves it, which names the address.
pub fn openapi_document_of(public_url: &str) -> String {
    served_at(openapi(), public_url)
}

fn served_at(mut description: OpenApi, public_url: &str) -> String {
    let server = ServerBuilder::new().url(public_url).build();
    description.servers = Some(vec![server]);
    description::text(&description)
}

/// The description of the API as it is checked in, in `docs/openapi.json`.
pub fn openapi_document() -> String {
    description::text(&openapi())
}

/// Every error code, as it is checked in, in `docs/errors.md`.
pub fn error_reference() -> String {
    error::code::reference()
}

/// A slash at the end makes another path, which user actions are bound to as it is written: so it is not
/// taken away, but told.
async fn not_found(uri: Uri) -> ApiError {
    let error = ApiError::new(ErrorCode::NotFound);
    match uri.path().trim_end_matches('/') {
        path if path.is_empty() || path == uri.path() => error,
        path => error.saying(format!(
            "there is nothing at this path; no path ends with a slash: ask for {path}"
        )),
    }
}

async fn not_one_host() -> ApiError {
    ErrorCode::InvalidHost.into()
}

async fn unavailable() -> ApiError {
    ApiError {
        retry_after: Some(Duration::from_secs(1)),
        ..ErrorCode::Unavailable.into()
    }
}

//! For whoever runs the service, and for other services.

use axum::{
    Json,
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ErrorCode, documentation::refusals},
    middleware::observe::Polled,
    state::AppState,
};

/// The state of the service.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "ok" }))]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// What needs somebody to look at it while requests are served all the same: `mail`, when this process
    /// cannot send messages. It is not there when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'static str>,
}

impl Health {
    /// All is well.
    const OK: Self = Self {
        status: "ok",
        degraded: Vec::new(),
    };
}

refusals!(Refusals: [], [InvalidField]);

/// Whether the process answers
///
/// Touches nothing else: a process that does not answer should be started again.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "Operation",
    responses((status = 200, description = "It does", body = Health), Refusals)
)]
pub(crate) async fn live() -> Polled<Json<Health>> {
    Polled(Json(Health::OK))
}

refusals!(ReadyRefusals: [], [InvalidField, NotReady]);

/// Whether requests can be served
///
/// Asks the database, in the way that changes do, once a second at most: a process that is not ready should
/// get no requests for now. One that is may have something `degraded` nevertheless, which the log explains.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "Operation",
    responses((status = 200, description = "They can", body = Health), ReadyRefusals)
)]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Polled<Json<Health>>, ApiError> {
    match state.use_cases.readiness.check().await {
        Ok(()) => {
            let is_mail_degraded = state.use_cases.outbox.is_in_trouble();
            Ok(Polled(Json(Health {
                degraded: is_mail_degraded.then_some("mail").into_iter().collect(),
                ..Health::OK
            })))
        }
        Err(error) => Err(ApiError {
            cause: Some(error.into()),
            ..ApiError::new(ErrorCode::NotReady)
        }),
    }
}

/// A JSON Web Key Set (RFC 7517 §5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the tokens' keeper writes")]
#[schema(example = json!({
    "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "kid": "ybtlevvrkUk6XGTVxrpQzKCWCRg2R0zJPr8gdvzSOyw",
        "alg": "ES256",
        "use": "sig"
    }]
}))]
struct JsonWebKeySet {
    /// The keys; each has its `kid`.
    keys: Vec<serde_json::Value>,
}

/// The public keys of tokens
///
/// With them another service verifies session and user action tokens by itself. It does not see
/// logouts then.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getKeys",
    tag = "Operation",
    responses(
        (
            status = 200,
            description = "The keys",
            body = JsonWebKeySet,
            content_type = "application/jwk-set+json"
        ),
        Refusals
    )
)]
pub(crate) async fn get_keys(State(state): State<AppState>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, state.use_cases.tokens.jwks())
}

/// Who issues tokens, and with which keys (in the form of RFC 8414).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "issuer": "in-6b58p-r53sr-rlrd3l5cj3uc4ome",
    "jwks_uri": "https://auth.example.com/.well-known/jwks.json",
    "response_types_supported": [],
    "grant_types_supported": []
}))]
pub(crate) struct MetadataBody {
    /// What tokens say in `iss` and in `aud`: this installation. It is an identifier, and stays when the
    /// address changes.
    #[schema(example = "in-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    issuer: String,
    /// Where the public keys of tokens are.
    #[schema(example = "https://auth.example.com/.well-known/jwks.json")]
    jwks_uri: String,
    /// None: nobody is authorized here by OAuth.
    response_types_supported: Vec<String>,
    /// None. What is left out would mean the usual ones.
    grant_types_supported: Vec<String>,
}

/// Who issues tokens
///
/// What a service that verifies tokens by itself has to know: the issuer and audience they name, and where
/// the keys are.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "getMetadata",
    tag = "Operation",
    responses((status = 200, description = "The issuer", body = MetadataBody), Refusals)
)]
pub(crate) async fn get_metadata(State(state): State<AppState>) -> impl IntoResponse {
    let body = MetadataBody {
        issuer: state.use_cases.installation.to_string(),
        jwks_uri: format!("{}/.well-known/jwks.json", state.settings.public_url),
        response_types_supported: Vec::new(),
        grant_types_supported: Vec::new(),
    };
    ([(CACHE_CONTROL, "public, max-age=300")], Json(body))
}

/// This description
///
/// The API as an OpenAPI document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getDescription",
    tag = "Operation",
    responses(
        (status = 200, description = "The description", body = serde_json::Value),
        Refusals
    )
)]
pub(crate) async fn get_description(State(state): State<AppState>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/json")];
    (headers, state.description.to_string())
}

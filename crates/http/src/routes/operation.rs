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
pub(crate) async fn live() -> Json<Health> {
    Json(Health::OK)
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
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, ApiError> {
    match state.use_cases.readiness.check().await {
        Ok(()) => {
            let is_mail_degraded = state.use_cases.outbox.is_in_trouble();
            Ok(Json(Health {
                degraded: is_mail_degraded.then_some("mail").into_iter().collect(),
                ..Health::OK
            }))
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

//! `GET /.well-known/jwks.json`

use axum::{
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::IntoResponse,
};
use utoipa::ToSchema;

use crate::state::AppState;

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
    responses((
        status = 200,
        description = "The keys",
        body = JsonWebKeySet,
        content_type = "application/jwk-set+json"
    ))
)]
pub(crate) async fn get_keys(State(state): State<AppState>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, state.services.tokens.jwks())
}

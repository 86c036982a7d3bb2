//! The calls of the API that this version does not offer (API contract §5).

use axum::{Router, routing::any};

use crate::{error::ApiError, error::ErrorCode, state::AppState};

/// Their paths.
const PATHS: &[&str] = &[
    "/auth/registration/delegated",
    "/auth/registration/delegated/restart",
    "/auth/registration/social",
    "/auth/registration/enduser",
    "/auth/login/delegated",
    "/auth/login/social",
    "/auth/login/sso",
    "/auth/login/sso/init",
    "/auth/login/oidc",
    "/auth/login/oidc/init",
    "/auth/action/logs",
    "/auth/action/logs/{id}",
    "/auth/recover/user/delegated",
    "/auth/users/invite",
    "/auth/pats",
    "/auth/pats/{*rest}",
    "/auth/service-accounts",
    "/auth/service-accounts/{*rest}",
    "/auth/tokens",
    "/auth/apps",
    "/auth/apps/{*rest}",
];

/// Routes that answer every method with 404 and the code `not_offered`.
pub(crate) fn routes() -> Router<AppState> {
    PATHS.iter().fold(Router::new(), |router, path| {
        router.route(path, any(not_offered))
    })
}

async fn not_offered() -> ApiError {
    ErrorCode::NotOffered.into()
}

//! `GET /auth/users/{userId}`

use axum::{Json, extract::State};
use latchkey_domain::id::UserId;

use crate::{
    dto::user::UserBody,
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, path::PathId},
    state::AppState,
};

refusals!(Refusals: [PLAIN, SIGNED_IN], [InvalidField, NotPermitted, UserNotFound]);

/// Get a user
///
/// A user of the organization, for its administrators.
#[utoipa::path(
    get,
    path = "/auth/users/{userId}",
    operation_id = "getUser",
    tag = "Users",
    security(("bearer" = [])),
    params((
        "userId" = String,
        Path,
        description = "The user",
        example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome"
    )),
    responses((status = 200, description = "The user", body = UserBody), Refusals)
)]
pub(crate) async fn get_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    SignedIn(session): SignedIn,
) -> Result<Json<UserBody>, ApiError> {
    let found = state.services.users.find(&session, &user).await?;
    Ok(Json(found.into()))
}

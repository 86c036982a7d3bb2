//! `PUT /auth/users/{userId}/deactivate`

use axum::{Json, extract::State};
use latchkey_domain::id::UserId;
use latchkey_service::ports::user_store::UserChange;
use serde::Deserialize;

use crate::{
    dto::user::UserBody,
    error::{ApiError, documentation::refusals},
    extract::{path::PathId, signed::Signed},
    state::AppState,
};

/// Nothing is read of the body.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct DeactivateRequest {}

refusals!(Refusals: [BODY, SIGNED], [NotPermitted, UserNotFound, LastAdministrator]);

/// Deactivate a user
///
/// Ends every session, code and user action of a user, for good, and lets nobody sign in as the user. The
/// last active administrator of the organization cannot be deactivated. Asking for the state it is in
/// changes nothing.
#[utoipa::path(
    put,
    path = "/auth/users/{userId}/deactivate",
    operation_id = "deactivateUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params((
        "userId" = String,
        Path,
        description = "The user",
        example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome"
    )),
    responses((status = 200, description = "The user", body = UserBody), Refusals)
)]
pub(crate) async fn deactivate_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed<DeactivateRequest>,
) -> Result<Json<UserBody>, ApiError> {
    let users = &state.services.users;
    let changed = users.change(&signed.request, &user, UserChange::Deactivate);
    Ok(Json(changed.await?.into()))
}

//! `PUT /auth/users/{userId}/activate`

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
pub(crate) struct ActivateRequest {}

refusals!(Refusals: [BODY, SIGNED], [NotPermitted, UserNotFound]);

/// Activate a user
///
/// Lets a user act again. Asking for the state it is in changes nothing.
#[utoipa::path(
    put,
    path = "/auth/users/{userId}/activate",
    operation_id = "activateUser",
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
pub(crate) async fn activate_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed<ActivateRequest>,
) -> Result<Json<UserBody>, ApiError> {
    let users = &state.services.users;
    let changed = users.change(&signed.request, &user, UserChange::Activate);
    Ok(Json(changed.await?.into()))
}

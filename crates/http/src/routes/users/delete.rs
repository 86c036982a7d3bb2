//! `DELETE /auth/users/{userId}`

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
pub(crate) struct DeleteRequest {}

refusals!(Refusals: [BODY, SIGNED], [NotPermitted, UserNotFound, LastAdministrator]);

/// Delete a user
///
/// Deletes a user with all credentials and codes; username and external id are free again. The last active
/// administrator of the organization cannot be deleted. The evidence of signed user actions stays.
#[utoipa::path(
    delete,
    path = "/auth/users/{userId}",
    operation_id = "deleteUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params((
        "userId" = String,
        Path,
        description = "The user",
        example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome"
    )),
    responses((status = 200, description = "The user as it was", body = UserBody), Refusals)
)]
pub(crate) async fn delete_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed<DeleteRequest>,
) -> Result<Json<UserBody>, ApiError> {
    let users = &state.services.users;
    let changed = users.change(&signed.request, &user, UserChange::Delete);
    Ok(Json(changed.await?.into()))
}

//! `PUT /auth/users/{userId}`

use axum::{Json, extract::State};
use latchkey_domain::id::UserId;
use latchkey_service::ports::user_store::UserChange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::user::UserBody,
    error::{ApiError, documentation::refusals},
    extract::{path::PathId, signed::Signed},
    routes::users::require_no_sso,
    state::AppState,
};

/// What is to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
pub(crate) struct UpdateUserRequest {
    /// Only `false`: single sign-on is not offered.
    #[serde(rename = "isSSORequired")]
    is_sso_required: bool,
}

refusals!(Refusals: [BODY, SIGNED], [MemberNotOffered, NotPermitted, UserNotFound]);

/// Update a user
///
/// Takes what users of this version have anyhow, so nothing changes.
#[utoipa::path(
    put,
    path = "/auth/users/{userId}",
    operation_id = "updateUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params((
        "userId" = String,
        Path,
        description = "The user",
        example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome"
    )),
    request_body(content = UpdateUserRequest, example = json!({"isSSORequired": false})),
    responses((status = 200, description = "The user", body = UserBody), Refusals)
)]
pub(crate) async fn update_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed<UpdateUserRequest>,
) -> Result<Json<UserBody>, ApiError> {
    require_no_sso(Some(signed.body.is_sso_required))?;
    let users = &state.services.users;
    let changed = users.change(&signed.request, &user, UserChange::Nothing);
    Ok(Json(changed.await?.into()))
}

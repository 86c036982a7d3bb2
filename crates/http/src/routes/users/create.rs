//! `POST /auth/users`

use axum::{Json, extract::State};
use latchkey_domain::text::{ExternalId, Username};
use latchkey_service::users::CreateUser;
use serde::{Deserialize, de::IgnoredAny};
use utoipa::ToSchema;

use crate::{
    dto::{
        text::Text,
        user::{Employee, UserBody},
    },
    error::{ApiError, documentation::refusals},
    extract::signed::Signed,
    routes::users::require_no_sso,
    state::AppState,
};

/// Who is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CreateUserRequest {
    /// The e-mail address: what the user signs in with, and where the invitation goes.
    #[schema(value_type = String, example = "ada@example.com")]
    email: Text<Username>,
    /// `CustomerEmployee`.
    #[schema(value_type = String, example = "CustomerEmployee")]
    #[serde(rename = "kind")]
    _kind: Text<Employee>,
    /// What the organization itself calls the user; unique in it.
    #[schema(value_type = Option<String>)]
    external_id: Option<Text<ExternalId>>,
    /// Only `false`: single sign-on is not offered.
    #[serde(rename = "isSSORequired")]
    is_sso_required: Option<bool>,
    /// Must be absent: a user's keys are those that the user registers.
    #[schema(value_type = Option<String>)]
    public_key: Option<IgnoredAny>,
}

refusals!(Refusals: [BODY, SIGNED], [MemberNotOffered, NotPermitted, UserExists, ExternalIdTaken]);

/// Create a user
///
/// Makes an employee and mails a code to register with. Somebody who was invited before and has not
/// registered gets a new code, which voids the earlier one, and stays otherwise as is.
#[utoipa::path(
    post,
    path = "/auth/users",
    operation_id = "createUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = CreateUserRequest, example = json!({
        "email": "ada@example.com",
        "kind": "CustomerEmployee"
    })),
    responses((status = 200, description = "The user", body = UserBody), Refusals)
)]
pub(crate) async fn create_user(
    State(state): State<AppState>,
    signed: Signed<CreateUserRequest>,
) -> Result<Json<UserBody>, ApiError> {
    let Signed { request, body } = signed;
    require_no_sso(body.is_sso_required)?;
    if body.public_key.is_some() {
        return Err(ApiError::not_offered(
            "publicKey",
            "is not taken: a user's keys are those that the user registers",
        ));
    }
    let Text(username) = body.email;
    let new = CreateUser {
        username,
        external_id: body.external_id.map(|Text(id)| id),
    };
    let made = state.services.users.create(&request, new).await?;
    Ok(Json(made.into()))
}

//! `POST /auth/login/init`

use axum::{Json, extract::State};
use latchkey_domain::{id::OrganizationId, text::Username};
use latchkey_service::login::BeginLogin;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{assertion::AuthChallenge, organization, text::Text},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    state::AppState,
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct LoginInitRequest {
    /// Who signs in; left out when a discoverable passkey is to tell.
    #[schema(value_type = Option<String>, example = "ada@example.com")]
    username: Option<Text<Username>>,
    /// The organization; may be left out when there is only one.
    #[schema(value_type = Option<String>, example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<Text<OrganizationId>>,
    /// The same as `orgId`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<Text<OrganizationId>>,
    /// Not offered by this version.
    login_code: Option<String>,
}

impl TryFrom<LoginInitRequest> for BeginLogin {
    type Error = ApiError;

    fn try_from(request: LoginInitRequest) -> Result<Self, ApiError> {
        match request.login_code {
            Some(_) => Err(ApiError::not_offered(
                "loginCode",
                "is not taken: login codes are not offered",
            )),
            None => Ok(Self {
                organization: organization::named(request.org_id, request.tenant_id),
                username: request.username.map(|Text(username)| username),
            }),
        }
    }
}

refusals!(Refusals: [BODY], [
    OrganizationRequired, NoApplication, MemberNotOffered, NoUsableCredential, OriginNotAllowed,
    TooManyAttempts
]);

/// Begin a sign-in
///
/// Gives a challenge, and with a username the ids of the credentials that may sign it.
#[utoipa::path(
    post,
    path = "/auth/login/init",
    operation_id = "beginLogin",
    tag = "Login",
    request_body(content = Option<LoginInitRequest>, example = json!({
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st",
        "username": "ada@example.com"
    })),
    responses((status = 200, description = "The challenge", body = AuthChallenge), Refusals)
)]
pub(crate) async fn begin_login(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<LoginInitRequest>,
) -> Result<Json<AuthChallenge>, ApiError> {
    let challenge = state
        .services
        .logins
        .begin(&caller, request.try_into()?)
        .await?;
    Ok(Json(challenge.into()))
}

//! `POST /auth/login/init`

use axum::{Json, extract::State};
use latchkey_domain::{credential_code::EnteredCode, id::OrganizationId, text::Username};
use latchkey_service::login::{BeginLogin, Who};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        assertion::AuthChallenge,
        organization,
        text::{Text, required},
    },
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
    /// The code that was mailed to the user: keys whose private half is kept are handed out for it.
    #[schema(value_type = Option<String>, example = "A7U-KY6-9PT")]
    login_code: Option<Text<EnteredCode>>,
}

impl TryFrom<LoginInitRequest> for BeginLogin {
    type Error = ApiError;

    fn try_from(request: LoginInitRequest) -> Result<Self, ApiError> {
        let who = match (request.username, request.login_code) {
            (None, None) => Who::Passkey,
            (Some(Text(username)), None) => Who::User(username),
            (username, Some(Text(code))) => {
                let Text(username) = required(username, "username")?;
                Who::UserWithCode(username, code)
            }
        };
        Ok(Self {
            organization: organization::named(request.org_id, request.tenant_id),
            who,
        })
    }
}

refusals!(Refusals: [BODY], [
    OrganizationRequired, NoApplication, NoUsableCredential, InvalidCode, OriginNotAllowed,
    TooManyAttempts
]);

/// Begin a sign-in
///
/// Gives a challenge, and with a username the ids of the credentials that may sign it. A login code is
/// used up; a wrong one is refused, whatever is wrong with it.
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

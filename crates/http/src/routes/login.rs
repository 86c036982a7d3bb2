//! `/auth/login` and `/auth/logout`: sessions begin and end.

use axum::{Extension, Json, extract::State};
use latchkey_domain::{credential_code::EnteredCode, id::OrganizationId, text::Username};
use latchkey_service::{
    ceremony,
    login::{BeginLogin, Who},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::{
        assertion::AuthChallenge,
        factor::{self, FactorAnswerBody},
        message::Message,
        text::{Text, organization, required},
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, client::Client, json_body::JsonBody},
    middleware::observe::Subject,
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
            organization: organization(request.org_id, request.tenant_id),
            who,
        })
    }
}

refusals!(BeginRefusals: [BODY], [
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
    responses((status = 200, description = "The challenge", body = AuthChallenge), BeginRefusals)
)]
pub(crate) async fn begin_login(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<LoginInitRequest>,
) -> Result<Json<AuthChallenge>, ApiError> {
    let challenge = state
        .use_cases
        .logins
        .begin(&caller, request.try_into()?)
        .await?;
    Ok(Json(challenge.into()))
}

/// Somebody is signed in.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9..." }))]
pub(crate) struct LoginResponse {
    /// The session token, to be sent as bearer token.
    token: String,
}

refusals!(CompleteRefusals: [BODY], [
    OriginNotAllowed, ChallengeInvalid, NoUsableCredential, FactorRefused, TooManyAttempts
]);

/// Complete a sign-in
///
/// Verifies the signature over the challenge and gives a session token.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "completeLogin",
    tag = "Login",
    request_body(content = FactorAnswerBody, example = json!(factor::example())),
    responses((status = 200, description = "Signed in", body = LoginResponse), CompleteRefusals)
)]
pub(crate) async fn complete_login(
    State(state): State<AppState>,
    Client(caller): Client,
    Extension(subject): Extension<Subject>,
    JsonBody(answer): JsonBody<FactorAnswerBody>,
) -> Result<Json<LoginResponse>, ApiError> {
    let logins = &state.use_cases.logins;
    let ceremony::SignedIn { session, token } =
        logins.complete(&caller, &answer.try_into()?).await?;
    subject.note(&session.organization, &session.user);
    Ok(Json(LoginResponse { token }))
}

/// Which sessions to end.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct LogoutRequest {
    /// Whether to end every session of the user, not only this one.
    all_sessions: Option<bool>,
}

refusals!(LogoutRefusals: [BODY, SIGNED_IN], [CredentialFresh]);

/// Sign out
///
/// Ends this session, or every session of the user together with all codes and user actions; the latter not for a
/// credential that is fresh.
#[utoipa::path(
    put,
    path = "/auth/logout",
    operation_id = "logout",
    tag = "Login",
    security(("bearer" = [])),
    request_body(content = Option<LogoutRequest>, example = json!({"allSessions": true})),
    responses((status = 200, description = "Signed out", body = Message), LogoutRefusals)
)]
pub(crate) async fn logout(
    State(state): State<AppState>,
    Client(caller): Client,
    SignedIn(session): SignedIn,
    JsonBody(request): JsonBody<LogoutRequest>,
) -> Result<Json<Message>, ApiError> {
    let sessions = &state.use_cases.sessions;
    match request.all_sessions {
        Some(true) => sessions.end_all(&caller, &session).await?,
        Some(false) | None => sessions.end(&caller, &session).await?,
    }
    Ok(Json(Message::SUCCESS))
}

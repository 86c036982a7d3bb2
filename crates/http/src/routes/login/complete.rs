//! `POST /auth/login`

use axum::{Extension, Json, extract::State};
use latchkey_service::login::SignedIn;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::factor::FactorAnswerBody,
    error::{ApiError, documentation::refusals},
    extract::json_body::JsonBody,
    middleware::observe::Subject,
    state::AppState,
};

/// Somebody is signed in.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9..." }))]
pub(crate) struct LoginResponse {
    /// The session token, to be sent as bearer token.
    token: String,
}

refusals!(Refusals: [BODY], [ChallengeInvalid, NoUsableCredential, FactorRefused]);

/// Complete a sign-in
///
/// Verifies the signature over the challenge and gives a session token.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "completeLogin",
    tag = "Login",
    request_body(content = FactorAnswerBody, example = json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "firstFactor": {
            "kind": "Key",
            "credentialAssertion": {
                "credId": "bGFwdG9w",
                "clientData": "eyJ0eXBlIjoia2V5LmdldCIsImNoYWxsZW5nZSI6Ii4uLiJ9",
                "signature": "MEUCIQ..."
            }
        }
    })),
    responses((status = 200, description = "Signed in", body = LoginResponse), Refusals)
)]
pub(crate) async fn complete_login(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    JsonBody(answer): JsonBody<FactorAnswerBody>,
) -> Result<Json<LoginResponse>, ApiError> {
    let logins = &state.services.logins;
    let SignedIn { session, token } = logins.complete(&answer.try_into()?).await?;
    subject.note(&session.organization, &session.user);
    Ok(Json(LoginResponse { token }))
}

//! `POST /auth/login/code`

use axum::{Json, extract::State};
use latchkey_domain::account_code::AccountCodeKind;

use crate::{
    dto::{mailed_code::MailedCodeRequest, message::Message},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    state::AppState,
};

refusals!(Refusals: [BODY], [OrganizationRequired, OriginNotAllowed]);

/// Mail a login code
///
/// A user with a password-protected key gets a code for login/init, valid for ten minutes. The answer is
/// the same whoever is named; requests beyond the limit are dropped without a word.
#[utoipa::path(
    post,
    path = "/auth/login/code",
    operation_id = "mailLoginCode",
    tag = "Login",
    request_body(content = MailedCodeRequest, example = json!({
        "username": "ada@example.com",
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st"
    })),
    responses((status = 200, description = "Always, whoever is named", body = Message), Refusals)
)]
pub(crate) async fn mail_login_code(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<MailedCodeRequest>,
) -> Result<Json<Message>, ApiError> {
    let request = request.of(AccountCodeKind::Login);
    state.services.mailed_codes.ask(&caller, request).await?;
    Ok(Json(Message::SUCCESS))
}

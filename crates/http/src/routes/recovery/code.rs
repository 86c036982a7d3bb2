//! `POST /auth/recover/user/code`, and `PUT`, which older clients send

use axum::{Json, extract::State};
use latchkey_domain::account_code::AccountCodeKind;

use crate::{
    dto::{mailed_code::MailedCodeRequest, message::Message},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    state::AppState,
};

refusals!(Refusals: [BODY], [OrganizationRequired, OriginNotAllowed]);

/// Mail a recovery code
///
/// A user with a recovery key gets a code that begins a recovery, valid for ten minutes. The answer is
/// the same whoever is named; requests beyond the limit are dropped without a word.
#[utoipa::path(
    post,
    path = "/auth/recover/user/code",
    operation_id = "mailRecoveryCode",
    tag = "Recovery",
    request_body(content = MailedCodeRequest, example = json!({
        "username": "ada@example.com",
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st"
    })),
    responses((status = 200, description = "Always, whoever is named", body = Message), Refusals)
)]
pub(crate) async fn mail_recovery_code(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<MailedCodeRequest>,
) -> Result<Json<Message>, ApiError> {
    let request = request.of(AccountCodeKind::Recovery);
    state.services.mailed_codes.ask(&caller, request).await?;
    Ok(Json(Message::SUCCESS))
}

/// Mail a recovery code, as older clients ask for it
///
/// The same as with `POST`.
#[utoipa::path(
    put,
    path = "/auth/recover/user/code",
    operation_id = "mailRecoveryCodeAsBefore",
    tag = "Recovery",
    request_body(content = MailedCodeRequest, example = json!({
        "username": "ada@example.com",
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st"
    })),
    responses((status = 200, description = "Always, whoever is named", body = Message), Refusals)
)]
pub(crate) async fn mail_recovery_code_as_before(
    state: State<AppState>,
    client: Client,
    request: JsonBody<MailedCodeRequest>,
) -> Result<Json<Message>, ApiError> {
    mail_recovery_code(state, client, request).await
}

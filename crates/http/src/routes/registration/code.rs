//! `PUT /auth/registration/code`

use axum::{Json, extract::State};
use latchkey_domain::account_code::AccountCodeKind;

use crate::{
    dto::{mailed_code::MailedCodeRequest, message::Message},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    state::AppState,
};

refusals!(Refusals: [BODY], [OrganizationRequired, OriginNotAllowed]);

/// Mail a new registration code
///
/// A user who was invited and has not registered gets a new code in place of the earlier one. The answer
/// is the same whoever is named; requests beyond the limit are dropped without a word.
#[utoipa::path(
    put,
    path = "/auth/registration/code",
    operation_id = "mailRegistrationCode",
    tag = "Registration",
    request_body(content = MailedCodeRequest, example = json!({
        "username": "ada@example.com",
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st"
    })),
    responses((status = 200, description = "Always, whoever is named", body = Message), Refusals)
)]
pub(crate) async fn mail_registration_code(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<MailedCodeRequest>,
) -> Result<Json<Message>, ApiError> {
    let request = request.of(AccountCodeKind::Registration);
    state.services.mailed_codes.ask(&caller, request).await?;
    Ok(Json(Message::SUCCESS))
}

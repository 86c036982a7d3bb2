//! `POST /auth/credentials/code/release`

use axum::{Json, extract::State};
use latchkey_domain::credential_code::ReleaseReason;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{message::Message, text::Text},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    state::AppState,
};

/// Which code, and why it is given back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ReleaseCodeRequest {
    /// That of the code/init call that claimed the code.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...")]
    challenge_identifier: String,
    /// What its owner is told: `NotMyAccount`, `AlreadyThere` or `GivenUp`, which is meant when it is left out.
    #[schema(value_type = Option<String>, example = "NotMyAccount")]
    reason: Option<Text<ReleaseReason>>,
}

refusals!(Refusals: [BODY], [OriginNotAllowed, ChallengeInvalid]);

/// Give a credential code back
///
/// For the place that claimed a code and will not make a credential with it. The code ends, nobody can claim it
/// again, and its owner sees that at once and need not wait. Nobody needs to be signed in: only who claimed the
/// code has the challenge identifier, and from then on the code is good for nobody else.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/release",
    operation_id = "releaseCredentialCode",
    tag = "Create Credential With Code",
    request_body(content = ReleaseCodeRequest, example = json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "reason": "NotMyAccount"
    })),
    responses((status = 200, description = "Given back", body = Message), Refusals)
)]
pub(crate) async fn release_credential_code(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<ReleaseCodeRequest>,
) -> Result<Json<Message>, ApiError> {
    let reason = request
        .reason
        .map_or(ReleaseReason::GivenUp, |Text(reason)| reason);
    let codes = &state.use_cases.credential_codes;
    codes
        .release(&caller, &request.challenge_identifier, reason)
        .await?;
    Ok(Json(Message::SUCCESS))
}

//! `POST /auth/action`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::factor::FactorAnswerBody,
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, json_body::JsonBody},
    state::AppState,
};

/// The action is signed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "userAction": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9..." }))]
pub(crate) struct ActionResponse {
    /// To be sent in the header `X-DFNS-USERACTION` of the signed request, once, within five minutes.
    user_action: String,
}

refusals!(Refusals: [BODY, SIGNED_IN], [ChallengeInvalid, NoUsableCredential, FactorRefused]);

/// Complete signing an action
///
/// Verifies the signature over the challenge, keeps it as evidence and gives a user action token.
#[utoipa::path(
    post,
    path = "/auth/action",
    operation_id = "completeUserAction",
    tag = "User actions",
    security(("bearer" = [])),
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
    responses((status = 200, description = "The action is signed", body = ActionResponse), Refusals)
)]
pub(crate) async fn complete_user_action(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
    JsonBody(answer): JsonBody<FactorAnswerBody>,
) -> Result<Json<ActionResponse>, ApiError> {
    let user_actions = &state.services.user_actions;
    let user_action = user_actions.complete(&session, &answer.try_into()?).await?;
    Ok(Json(ActionResponse { user_action }))
}

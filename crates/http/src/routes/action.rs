//! `/auth/action`: a signed-in user signs exactly one request.

use axum::{Json, extract::State};
use latchkey_domain::user_action::{ActionPath, Method, UserAction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::{
        assertion::AuthChallenge,
        factor::{self, FactorAnswerBody},
        text::Text,
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::Bearer, client::Client, json_body::JsonBody, signed::payload_digest},
    state::AppState,
};

/// The request that is to be signed.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
pub(crate) struct ActionInitRequest {
    /// Its body, as JSON text; empty or left out for a request without a body.
    #[serde(rename = "userActionPayload")]
    payload: Option<String>,
    /// Its method.
    #[schema(value_type = String, example = "POST")]
    #[serde(rename = "userActionHttpMethod")]
    method: Text<Method>,
    /// Its path, with its query if that is to be signed too.
    #[schema(value_type = String, example = "/auth/credentials/code")]
    #[serde(rename = "userActionHttpPath")]
    path: Text<ActionPath>,
}

impl TryFrom<ActionInitRequest> for UserAction {
    type Error = ApiError;

    fn try_from(request: ActionInitRequest) -> Result<Self, ApiError> {
        let payload = request.payload.unwrap_or_default();
        let payload = payload_digest(payload.as_bytes())
            .map_err(|error| ApiError::invalid_field("userActionPayload", &error.to_string()))?;
        Ok(Self {
            method: request.method.0,
            path: request.path.0,
            payload,
        })
    }
}

refusals!(BeginRefusals: [BODY, SIGNED_IN], [NoApplication, OriginNotAllowed]);

/// Begin signing an action
///
/// Gives a challenge that commits to exactly one request: its method, path and body. The request may be
/// one of this service or of another service that trusts it.
#[utoipa::path(
    post,
    path = "/auth/action/init",
    operation_id = "beginUserAction",
    tag = "User actions",
    security(("bearer" = [])),
    request_body(content = ActionInitRequest, example = json!({
        "userActionPayload": "{\"expiration\":\"2026-01-31T12:01:00.000Z\"}",
        "userActionHttpMethod": "POST",
        "userActionHttpPath": "/auth/credentials/code",
        "userActionServerKind": "Api"
    })),
    responses((status = 200, description = "The challenge", body = AuthChallenge), BeginRefusals)
)]
pub(crate) async fn begin_user_action(
    State(state): State<AppState>,
    Client(caller): Client,
    Bearer(session): Bearer,
    JsonBody(request): JsonBody<ActionInitRequest>,
) -> Result<Json<AuthChallenge>, ApiError> {
    let user_actions = &state.use_cases.user_actions;
    let challenge = user_actions
        .begin(&caller, &session, request.try_into()?)
        .await?;
    Ok(Json(challenge.into()))
}

/// The action is signed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "userAction": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9..." }))]
pub(crate) struct ActionResponse {
    /// To be sent in the header `X-DFNS-USERACTION` of the signed request, once, within five minutes.
    user_action: String,
}

refusals!(CompleteRefusals: [BODY, SIGNED_IN], [
    OriginNotAllowed, ChallengeInvalid, NoUsableCredential, FactorRefused, TooManyAttempts
]);

/// Complete signing an action
///
/// Verifies the signature over the challenge, keeps it as evidence and gives a user action token.
#[utoipa::path(
    post,
    path = "/auth/action",
    operation_id = "completeUserAction",
    tag = "User actions",
    security(("bearer" = [])),
    request_body(content = FactorAnswerBody, example = json!(factor::example())),
    responses((status = 200, description = "The action is signed", body = ActionResponse), CompleteRefusals)
)]
pub(crate) async fn complete_user_action(
    State(state): State<AppState>,
    Client(caller): Client,
    Bearer(session): Bearer,
    JsonBody(answer): JsonBody<FactorAnswerBody>,
) -> Result<Json<ActionResponse>, ApiError> {
    let user_actions = &state.use_cases.user_actions;
    let user_action = user_actions
        .complete(&caller, &session, &answer.try_into()?)
        .await?;
    Ok(Json(ActionResponse { user_action }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(payload: Option<&str>) -> Result<UserAction, ApiError> {
        let request = ActionInitRequest {
            payload: payload.map(str::to_owned),
            method: Text(Method::Delete),
            path: Text(ActionPath::parse("/wallets/wa-1?x=%C3%A9").unwrap()),
        };
        request.try_into()
    }

    #[test]
    fn nothing_and_an_empty_object_are_one_payload() {
        let empty = signed(None).unwrap();
        for text in ["", "\n", "\"\"", "{}", " { } "] {
            assert_eq!(signed(Some(text)).unwrap(), empty, "{text}");
        }
        for text in ["{\"a\":1}", "[]", "null", "0"] {
            assert_ne!(signed(Some(text)).unwrap(), empty, "{text}");
        }
    }

    #[test]
    fn a_payload_counts_by_what_it_means() {
        let one = signed(Some("{\"note\":\"café 🔑\",\"at\":1767225630}")).unwrap();
        let same = "{\"at\": 1767225630, \"note\": \"caf\\u00e9 \\ud83d\\udd11\"}";
        assert_eq!(signed(Some(same)).unwrap(), one);
        let other = "{\"at\": 1.76722563e9, \"note\": \"café 🔑\"}";
        assert_ne!(signed(Some(other)).unwrap(), one);
    }

    #[test]
    fn what_cannot_be_compared_cannot_be_signed() {
        for (text, message) in [
            (
                "{\"a\":1,\"a\":2}",
                "userActionPayload has two members of the name \"a\"",
            ),
            ("rubbish", "userActionPayload is not valid JSON"),
        ] {
            let error = signed(Some(text)).err().unwrap();
            assert_eq!(error.message, message);
            assert_eq!(error.field.as_deref(), Some("userActionPayload"));
        }
    }
}

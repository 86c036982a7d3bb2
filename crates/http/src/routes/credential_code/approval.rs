//! `/auth/credentials/code/approve`, `refuse` and `status`: what becomes of a credential that waits.

use axum::{Json, extract::State};
use latchkey_domain::{credential_code::CodeStatus, id::CredentialUuid};
use latchkey_service::approvals::{Awaited, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::{
        message::Message,
        text::{Text, required},
    },
    error::{ApiError, documentation::refusals},
    extract::{json_body::JsonBody, signed::Signed},
    middleware::observe::Polled,
    state::AppState,
};

/// Which credential, and what is shown where it was made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ApproveRequest {
    /// The credential that waits.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
    /// The one of the three `numbers` that its owner sees where it was made.
    #[schema(example = 47)]
    number: u16,
}

refusals!(ApproveRefusals: [BODY, SIGNED], [CredentialNotFound, WrongNumber, CredentialFresh]);

/// Approve a credential that was made with a code
///
/// The credential can be used from then on. Any session of its owner may do it, with a user action, and must name
/// the number that is shown where the credential was made; with another one it is refused, and gone. It waits for
/// five minutes.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/approve",
    operation_id = "approveCredential",
    tag = "Create Credential With Code",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = ApproveRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "number": 47
    })),
    responses((status = 200, description = "Approved", body = Message), ApproveRefusals)
)]
pub(crate) async fn approve_credential(
    State(state): State<AppState>,
    signed: Signed<ApproveRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = signed.body.credential_uuid;
    let approvals = &state.use_cases.approvals;
    approvals
        .approve(&signed.request, credential, signed.body.number)
        .await?;
    Ok(Json(Message::SUCCESS))
}

/// Which credential.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RefuseRequest {
    /// The credential that waits.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(RefuseRefusals: [BODY, SIGNED], [CredentialNotFound]);

/// Refuse a credential that was made with a code
///
/// The credential is deleted, and its credential id is free again. Any session of its owner may do it, with a
/// user action. Nothing is lost when nobody does: after five minutes it is gone by itself.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/refuse",
    operation_id = "refuseCredential",
    tag = "Create Credential With Code",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = RefuseRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    })),
    responses((status = 200, description = "Refused", body = Message), RefuseRefusals)
)]
pub(crate) async fn refuse_credential(
    State(state): State<AppState>,
    signed: Signed<RefuseRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = signed.body.credential_uuid;
    let approvals = &state.use_cases.approvals;
    approvals.refuse(&signed.request, credential).await?;
    Ok(Json(Message::SUCCESS))
}

/// What is asked about: one of the two, by which only the place can ask where the credential was made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ApprovalStatusRequest {
    /// The `approvalToken` of the verify call.
    #[schema(example = "eyJ0eXAiOiJsYXRjaGtleS1hcHByb3ZhbCtqd3QiLCJhbGciOiJFUzI1NiJ9...")]
    approval_token: Option<String>,
    /// Where the answer of the verify call was lost on its way: the `challengeIdentifier` that it was made with, until
    /// five minutes after that has expired, since what was made last may wait for as long.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...")]
    challenge_identifier: Option<String>,
}

/// What has come of the credential.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "state": "Approved" }))]
pub(crate) struct ApprovalStatusResponse {
    /// `Waiting`, `Approved`, `Refused` or `Expired`; `Approved` too when it need not wait, and `Refused` when it was
    /// deleted since. To who asks with the challenge identifier, `Claimed` too: nothing was made, and the code has not
    /// ended.
    #[schema(example = "Approved")]
    state: &'static str,
    /// As long as it waits: what to ask with, as in the answer of the verify call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "eyJ0eXAiOiJsYXRjaGtleS1hcHByb3ZhbCtqd3QiLCJhbGciOiJFUzI1NiJ9...")]
    approval_token: Option<String>,
    /// Then too: the number to show, as there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 47)]
    number: Option<u16>,
}

/// Of a challenge with which nothing was made, and still can be, nothing has come yet.
impl From<Option<Outcome>> for ApprovalStatusResponse {
    fn from(outcome: Option<Outcome>) -> Self {
        outcome.map_or(
            Self {
                state: CodeStatus::Claimed.as_str(),
                approval_token: None,
                number: None,
            },
            Self::from,
        )
    }
}

impl From<Outcome> for ApprovalStatusResponse {
    fn from(Outcome { status, awaited }: Outcome) -> Self {
        let (approval_token, number) = awaited
            .map(|Awaited { token, number }| (token, number))
            .unzip();
        Self {
            state: status.as_str(),
            approval_token,
            number,
        }
    }
}

refusals!(StatusRefusals: [BODY], [ApprovalTokenInvalid, ChallengeInvalid]);

/// Ask whether a credential was approved
///
/// Tells the place where a credential was made, and nobody else, what its owner decided. The token is valid
/// for ten minutes. A place that was not told of it, because the answer of the verify call was lost, asks with the
/// challenge identifier instead, in any organization: `Claimed` says that nothing was made with that yet, as while the
/// verify call is still under way, and that it still can be; `challenge_invalid` that nothing was, and the code has
/// ended, as when its owner has cancelled it; or that it is too late to ask.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/status",
    operation_id = "getApprovalStatus",
    tag = "Create Credential With Code",
    request_body(content = ApprovalStatusRequest, example = json!({
        "approvalToken": "eyJ0eXAiOiJsYXRjaGtleS1hcHByb3ZhbCtqd3QiLCJhbGciOiJFUzI1NiJ9..."
    })),
    responses((status = 200, description = "Its state", body = ApprovalStatusResponse), StatusRefusals)
)]
pub(crate) async fn get_approval_status(
    State(state): State<AppState>,
    JsonBody(request): JsonBody<ApprovalStatusRequest>,
) -> Result<Polled<Json<ApprovalStatusResponse>>, ApiError> {
    let approvals = &state.use_cases.approvals;
    let response = match (request.approval_token, request.challenge_identifier) {
        (Some(token), _) => approvals.status(&token).await?.into(),
        (None, identifier) => {
            // Who sends neither has left out what is usual.
            let identifier = required(identifier, "approvalToken")?;
            approvals.status_of_challenge(&identifier).await?.into()
        }
    };
    Ok(Polled(Json(response)))
}

//! `POST /auth/credentials/code/status`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{ApiError, documentation::refusals},
    extract::json_body::JsonBody,
    state::AppState,
};

/// What is asked about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ApprovalStatusRequest {
    /// The `approvalToken` of the verify call.
    #[schema(example = "eyJ0eXAiOiJsYXRjaGtleS1hcHByb3ZhbCtqd3QiLCJhbGciOiJFUzI1NiJ9...")]
    approval_token: String,
}

/// What has come of the credential.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "state": "Approved" }))]
pub(crate) struct ApprovalStatusResponse {
    /// `Waiting`, `Approved`, `Refused` or `Expired`.
    #[schema(example = "Approved")]
    state: &'static str,
}

refusals!(Refusals: [BODY], [ApprovalTokenInvalid]);

/// Ask whether a credential was approved
///
/// Tells the place where a credential was made, and nobody else, what its owner decided. The token is valid
/// for ten minutes.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/status",
    operation_id = "getApprovalStatus",
    tag = "Create Credential With Code",
    request_body(content = ApprovalStatusRequest, example = json!({
        "approvalToken": "eyJ0eXAiOiJsYXRjaGtleS1hcHByb3ZhbCtqd3QiLCJhbGciOiJFUzI1NiJ9..."
    })),
    responses((status = 200, description = "Its state", body = ApprovalStatusResponse), Refusals)
)]
pub(crate) async fn get_approval_status(
    State(state): State<AppState>,
    JsonBody(request): JsonBody<ApprovalStatusRequest>,
) -> Result<Json<ApprovalStatusResponse>, ApiError> {
    let approvals = &state.services.approvals;
    let status = approvals.status(&request.approval_token).await?;
    Ok(Json(ApprovalStatusResponse {
        state: status.as_str(),
    }))
}

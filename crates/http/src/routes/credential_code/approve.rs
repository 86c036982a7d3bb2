//! `POST /auth/credentials/code/approve`

use axum::{Json, extract::State};
use latchkey_domain::{approval::Verdict, id::CredentialUuid};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{message::Message, text::Text},
    error::{ApiError, documentation::refusals},
    extract::signed::Signed,
    state::AppState,
};

/// Which credential.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ApproveRequest {
    /// The credential that waits.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(Refusals: [BODY, SIGNED], [CredentialNotFound]);

/// Approve a credential that was made with a code
///
/// The credential can be used from then on. Any session of its owner may do it, with a user action. It waits
/// for five minutes.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/approve",
    operation_id = "approveCredential",
    tag = "Create Credential With Code",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = ApproveRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    })),
    responses((status = 200, description = "Approved", body = Message), Refusals)
)]
pub(crate) async fn approve_credential(
    State(state): State<AppState>,
    signed: Signed<ApproveRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = signed.body.credential_uuid;
    let approvals = &state.services.approvals;
    approvals
        .decide(&signed.request, credential, Verdict::Approved)
        .await?;
    Ok(Json(Message::SUCCESS))
}

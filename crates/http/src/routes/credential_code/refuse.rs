//! `POST /auth/credentials/code/refuse`

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
pub(crate) struct RefuseRequest {
    /// The credential that waits.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(Refusals: [BODY, SIGNED], [CredentialNotFound]);

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
    responses((status = 200, description = "Refused", body = Message), Refusals)
)]
pub(crate) async fn refuse_credential(
    State(state): State<AppState>,
    signed: Signed<RefuseRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = signed.body.credential_uuid;
    let approvals = &state.services.approvals;
    approvals
        .decide(&signed.request, credential, Verdict::Refused)
        .await?;
    Ok(Json(Message::SUCCESS))
}

//! `GET /auth/credentials/code`

use axum::{Json, extract::State};
use latchkey_domain::{
    credential_code::{Claim, CodeState, CredentialCode},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::date::iso,
    error::{ApiError, ErrorCode, documentation::refusals},
    extract::bearer::SignedIn,
    state::AppState,
};

/// How far a code has come; the code itself is shown only once, when it is issued.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodeStatusResponse {
    /// `Issued`, `Claimed`, `Redeemed`, `Expired` or `Cancelled`.
    #[schema(example = "Claimed")]
    state: &'static str,
    /// When it was issued.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    date_issued: String,
    /// When it expires, or expired.
    #[schema(example = "2026-01-31T12:01:00.000Z")]
    expiration: String,
    /// Who entered it, if anybody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimBody>,
    /// The credential that was made with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Option<String>,
}

/// Who entered a code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClaimBody {
    /// When.
    date: String,
    /// The page it was entered on; empty for native clients, which have none.
    #[schema(example = "https://app.example.com")]
    origin: String,
    /// The address the request came from.
    #[schema(example = "203.0.113.9")]
    address: String,
}

impl CodeStatusResponse {
    fn at(code: &CredentialCode, now: Timestamp) -> Self {
        Self {
            state: code.status(now).as_str(),
            date_issued: iso(code.issued),
            expiration: iso(code.expires),
            claim: code.claimed_by().map(ClaimBody::from),
            credential_uuid: match &code.state {
                CodeState::Redeemed { credential, .. } => Some(credential.to_string()),
                CodeState::Issued | CodeState::Claimed(_) | CodeState::Cancelled { .. } => None,
            },
        }
    }
}

impl From<&Claim> for ClaimBody {
    fn from(claim: &Claim) -> Self {
        Self {
            date: iso(claim.date),
            origin: claim
                .origin
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            address: claim.address.to_string(),
        }
    }
}

refusals!(Refusals: [PLAIN, SIGNED_IN], [CodeNotFound]);

/// See the newest credential code
///
/// How far the code has come that the signed-in user issued last.
#[utoipa::path(
    get,
    path = "/auth/credentials/code",
    operation_id = "getCredentialCode",
    tag = "Create Credential With Code",
    security(("bearer" = [])),
    responses((status = 200, description = "Its state", body = CodeStatusResponse), Refusals)
)]
pub(crate) async fn get_credential_code(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
) -> Result<Json<CodeStatusResponse>, ApiError> {
    let newest = state.services.credential_codes.newest(&session).await?;
    let (code, now) = newest.ok_or(ErrorCode::CodeNotFound)?;
    Ok(Json(CodeStatusResponse::at(&code, now)))
}

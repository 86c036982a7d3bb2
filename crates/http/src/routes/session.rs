//! `GET /auth/session`

use axum::Json;
use latchkey_domain::{credential::CredentialKind, session::Session};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::date::iso,
    error::{ApiError, documentation::refusals},
    extract::bearer::SignedIn,
};

/// Whose session it is, and how fresh.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "tokenId": "to-6b58p-r53sr-rlrd3l5cj3uc4ome",
    "userId": "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
    "username": "ada@example.com",
    "userKind": "EndUser",
    "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st",
    "applicationId": "ap-6b58p-r53sr-rlrd3l5cj3uc4ome",
    "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
    "credentialKind": "Fido2",
    "dateIssued": "2026-01-31T12:00:00.000Z",
    "expiration": "2026-01-31T18:00:00.000Z"
}))]
pub(crate) struct SessionBody {
    /// Identifies the session.
    #[schema(example = "to-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    token_id: String,
    /// Who is signed in.
    #[schema(example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    user_id: String,
    /// What the user signs in with.
    #[schema(example = "ada@example.com")]
    username: String,
    /// `CustomerEmployee` or `EndUser`.
    #[schema(example = "EndUser")]
    user_kind: String,
    /// The user's organization.
    #[schema(example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: String,
    /// The application at whose page the user signed in with a passkey; left out for keys, and for clients that send
    /// no `Origin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ap-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    application_id: Option<String>,
    /// The credential that signed in. When it is deactivated or deleted, the session ends.
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: String,
    /// `Fido2`, `Key` or `PasswordProtectedKey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Fido2")]
    credential_kind: Option<&'static str>,
    /// When the user signed in.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    date_issued: String,
    /// When the session ends at the latest.
    #[schema(example = "2026-01-31T18:00:00.000Z")]
    expiration: String,
}

impl From<Session> for SessionBody {
    fn from(session: Session) -> Self {
        Self {
            token_id: session.id.to_string(),
            user_id: session.user.to_string(),
            username: session.username.to_string(),
            user_kind: session.user_kind.to_string(),
            org_id: session.organization.to_string(),
            application_id: session.application.as_ref().map(ToString::to_string),
            credential_uuid: session.credential.to_string(),
            credential_kind: session.credential_kind.map(CredentialKind::as_str),
            date_issued: iso(session.issued),
            expiration: iso(session.expires),
        }
    }
}

refusals!(Refusals: [PLAIN, SIGNED_IN], []);

/// Ask whose a session is
///
/// Whether the session still holds, whose it is, and how fresh. Who checks a token by the published keys alone
/// does not see that the user signed out, or that user or credential were deactivated: this call does, and
/// costs no more than any call with a session does before it begins.
#[utoipa::path(
    get,
    path = "/auth/session",
    operation_id = "getSession",
    tag = "Login",
    security(("bearer" = [])),
    responses((status = 200, description = "It holds", body = SessionBody), Refusals)
)]
pub(crate) async fn get_session(
    SignedIn(session): SignedIn,
) -> Result<Json<SessionBody>, ApiError> {
    Ok(Json(session.into()))
}

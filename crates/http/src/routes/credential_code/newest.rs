//! `GET` and `DELETE /auth/credentials/code`: the owner sees and cancels what was issued.

use axum::{Json, extract::State};
use latchkey_domain::credential_code::{Claim, CodeState, Kinds, Release};
use latchkey_service::{
    credential_codes::{NewestCode, Waiting},
    ports::locator::Locator,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::{date::iso, message::Message},
    error::{ApiError, ErrorCode, documentation::refusals},
    extract::{bearer::SignedIn, client::Client},
    state::AppState,
};

/// How far a code has come; the code itself is shown only once, when it is issued.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "state": "Redeemed",
    "dateIssued": "2026-01-31T12:00:00.000Z",
    "expiration": "2026-01-31T12:01:00.000Z",
    "claim": {
        "date": "2026-01-31T12:00:30.000Z",
        "origin": "https://app.example.com",
        "address": "203.0.113.9",
        "expiration": "2026-01-31T12:05:30.000Z"
    },
    "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
}))]
pub(crate) struct CodeStatusResponse {
    /// `Issued`, `Claimed`, `Redeemed`, `Expired`, `Cancelled` or `Released`.
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
    /// That whoever had entered it gave it back, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseBody>,
    /// The application that the credential is for, if the code says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ap-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    application_id: Option<String>,
    /// The kinds that the credential may be of, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_kinds: Option<Vec<&'static str>>,
    /// What the credential is called, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "My phone")]
    credential_name: Option<String>,
    /// The credential that was made with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Option<String>,
    /// Where the organization asks for approval: what comes of that credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalBody>,
}

/// What comes of a credential that had to be approved.
#[derive(Serialize, ToSchema)]
struct ApprovalBody {
    /// `Waiting`, `Approved`, `Refused` or `Expired`.
    #[schema(example = "Waiting")]
    state: &'static str,
    /// Until when it waits, or waited.
    #[schema(example = "2026-01-31T12:06:00.000Z")]
    expiration: String,
    /// The credential, as long as it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<WaitingCredentialBody>,
    /// As long as it waits: three numbers, one of which is shown where it was made. Whoever approves it picks
    /// that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([12, 47, 83]))]
    numbers: Option<Vec<u16>>,
}

/// A credential that waits, so that its owner can recognise it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WaitingCredentialBody {
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: String,
    /// `Fido2`, `Key`, `PasswordProtectedKey` or `RecoveryKey`.
    #[schema(example = "Fido2")]
    kind: &'static str,
    /// What it was called where it was made.
    #[schema(example = "My phone")]
    name: String,
    /// Who makes authenticators like the one a passkey is kept in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Google Password Manager")]
    provider: Option<&'static str>,
    /// The page it was made on; left out for native clients, which have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://app.example.com")]
    origin: Option<String>,
    /// The address it was made from.
    #[schema(example = "203.0.113.9")]
    address: String,
    /// Roughly where that address is, in English, where the service has been told so: a hint, which is wrong for who
    /// comes through a VPN or a mobile network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Berlin, Germany")]
    location: Option<String>,
}

impl WaitingCredentialBody {
    fn of(Waiting { credential, .. }: &Waiting, locator: &dyn Locator) -> Self {
        let provenance = &credential.provenance;
        Self {
            credential_uuid: credential.uuid.to_string(),
            kind: credential.kind().as_str(),
            name: credential.name.to_string(),
            provider: credential.provider(),
            origin: provenance.origin.as_ref().map(ToString::to_string),
            address: provenance.address.to_string(),
            location: locator.locate(provenance.address),
        }
    }
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
    /// Roughly where that address is, in English, where the service has been told so: a hint, which is wrong for who
    /// comes through a VPN or a mobile network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Berlin, Germany")]
    location: Option<String>,
    /// Until when a credential can be made with it.
    #[schema(example = "2026-01-31T12:05:30.000Z")]
    expiration: String,
}

/// Why a code was given back.
#[derive(Serialize, ToSchema)]
struct ReleaseBody {
    /// When.
    #[schema(example = "2026-01-31T12:00:45.000Z")]
    date: String,
    /// `NotMyAccount`, `AlreadyThere` or `GivenUp`.
    #[schema(example = "NotMyAccount")]
    reason: &'static str,
}

impl From<&Release> for ReleaseBody {
    fn from(release: &Release) -> Self {
        Self {
            date: iso(release.date),
            reason: release.reason.as_str(),
        }
    }
}

impl CodeStatusResponse {
    pub(crate) fn of(newest: &NewestCode, locator: &dyn Locator) -> Self {
        let NewestCode { code, now, waiting } = newest;
        let (credential, wait, release) = match &code.state {
            CodeState::Redeemed {
                credential, wait, ..
            } => (Some(credential), wait.as_ref(), None),
            CodeState::Released { release, .. } => (None, None, Some(release)),
            CodeState::Issued | CodeState::Claimed(_) | CodeState::Cancelled { .. } => {
                (None, None, None)
            }
        };
        Self {
            state: code.status(*now).as_str(),
            date_issued: iso(code.issued),
            expiration: iso(code.expires),
            claim: code.claimed_by().map(|claim| ClaimBody::of(claim, locator)),
            release: release.map(ReleaseBody::from),
            application_id: code.binding.application.as_ref().map(ToString::to_string),
            credential_kinds: code.binding.kinds.as_ref().map(names),
            credential_name: code.binding.name.as_ref().map(ToString::to_string),
            credential_uuid: credential.map(ToString::to_string),
            approval: wait.map(|wait| ApprovalBody {
                state: wait.status(*now).as_str(),
                expiration: iso(wait.expires),
                credential: waiting
                    .as_ref()
                    .map(|waiting| WaitingCredentialBody::of(waiting, locator)),
                numbers: waiting.as_ref().map(|waiting| waiting.numbers.to_vec()),
            }),
        }
    }
}

fn names(kinds: &Kinds) -> Vec<&'static str> {
    kinds.as_slice().iter().map(|kind| kind.as_str()).collect()
}

impl ClaimBody {
    fn of(claim: &Claim, locator: &dyn Locator) -> Self {
        Self {
            date: iso(claim.date),
            origin: claim
                .origin
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            address: claim.address.to_string(),
            location: locator.locate(claim.address),
            expiration: iso(claim.expires),
        }
    }
}

refusals!(NewestRefusals: [PLAIN, SIGNED_IN], [CodeNotFound]);

/// See the newest credential code
///
/// How far the code has come that the signed-in user issued last.
#[utoipa::path(
    get,
    path = "/auth/credentials/code",
    operation_id = "getCredentialCode",
    tag = "Create Credential With Code",
    security(("bearer" = [])),
    responses((status = 200, description = "Its state", body = CodeStatusResponse), NewestRefusals)
)]
pub(crate) async fn get_credential_code(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
) -> Result<Json<CodeStatusResponse>, ApiError> {
    let use_cases = &state.use_cases;
    let newest = use_cases.credential_codes.newest(&session).await?;
    let newest = newest.ok_or(ErrorCode::CodeNotFound)?;
    Ok(Json(CodeStatusResponse::of(&newest, &*use_cases.locator)))
}

refusals!(CancelRefusals: [PLAIN, SIGNED_IN], []);

/// Cancel the credential code
///
/// Cancels every code of the signed-in user that is not redeemed, claimed ones included: whoever
/// entered one cannot finish. It may be repeated, and needs no user action, because it only protects.
#[utoipa::path(
    delete,
    path = "/auth/credentials/code",
    operation_id = "cancelCredentialCode",
    tag = "Create Credential With Code",
    security(("bearer" = [])),
    responses((status = 200, description = "Cancelled", body = Message), CancelRefusals)
)]
pub(crate) async fn cancel_credential_code(
    State(state): State<AppState>,
    Client(caller): Client,
    SignedIn(session): SignedIn,
) -> Result<Json<Message>, ApiError> {
    let codes = &state.use_cases.credential_codes;
    codes.cancel(&caller, &session).await?;
    Ok(Json(Message::SUCCESS))
}

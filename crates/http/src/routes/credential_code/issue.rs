//! `POST /auth/credentials/code`

use axum::{Json, extract::State};
use latchkey_service::credential_codes::{IssueCode, IssuedCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::date::{Moment, iso},
    error::{ApiError, documentation::refusals},
    extract::{client::Client, signed::Signed},
    state::AppState,
};

/// How long the code should live, and in which form it is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct IssueCodeRequest {
    /// When the code should expire, at most one minute ahead: an ISO-8601 date, or an integer Unix time
    /// in seconds (below 10^12) or milliseconds.
    expiration: Moment,
    /// Whether to give the long form alone, in `code`, so that no short one can be guessed.
    long_only: Option<bool>,
}

impl From<&IssueCodeRequest> for IssueCode {
    fn from(request: &IssueCodeRequest) -> Self {
        Self {
            expiration: request.expiration.0,
            long_only: request.long_only.unwrap_or_default(),
        }
    }
}

/// The code, this one time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "code": "A7U-KY6-9PT",
    "expiration": "2026-01-31T12:01:00.000Z",
    "longCode": "cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY",
    "link": "https://app.example.com/enrol#cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY"
}))]
pub(crate) struct IssueCodeResponse {
    /// The code for people to type; the long one when it was asked for alone.
    #[schema(example = "A7U-KY6-9PT")]
    code: String,
    /// When it expires.
    #[schema(example = "2026-01-31T12:01:00.000Z")]
    expiration: String,
    /// The same code in the form for QR codes and links.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY")]
    long_code: Option<String>,
    /// A link to the page that takes the code, where this service serves pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "https://app.example.com/enrol#cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY"
    )]
    link: Option<String>,
}

impl From<IssuedCode> for IssueCodeResponse {
    fn from(issued: IssuedCode) -> Self {
        let expiration = iso(issued.expires);
        let long = issued.long.reveal().to_owned();
        let link = issued.link.map(|link| link.reveal().to_owned());
        match issued.short {
            Some(short) => Self {
                code: short.reveal().to_owned(),
                expiration,
                long_code: Some(long),
                link,
            },
            None => Self {
                code: long,
                expiration,
                long_code: None,
                link,
            },
        }
    }
}

refusals!(Refusals: [BODY, SIGNED], [InvalidExpiration]);

/// Issue a credential code
///
/// Gives a one-time code with which a credential can be added in another place, where nobody is signed
/// in. It cancels every earlier code that is not redeemed.
#[utoipa::path(
    post,
    path = "/auth/credentials/code",
    operation_id = "issueCredentialCode",
    tag = "Create Credential With Code",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = IssueCodeRequest, example = json!({
        "expiration": "2026-01-31T12:01:00.000Z"
    })),
    responses((status = 200, description = "The code", body = IssueCodeResponse), Refusals)
)]
pub(crate) async fn issue_credential_code(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<IssueCodeRequest>,
) -> Result<Json<IssueCodeResponse>, ApiError> {
    let codes = &state.use_cases.credential_codes;
    let issued = codes
        .issue(&caller, &signed.request, (&signed.body).into())
        .await?;
    Ok(Json(issued.into()))
}

//! `POST /auth/credentials/code`

use axum::{Json, extract::State};
use latchkey_domain::{
    credential::CredentialKind,
    credential_code::{Binding, Kinds},
    id::ApplicationId,
    text::CredentialName,
};
use latchkey_service::credential_codes::{IssueCode, IssuedCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::{
        date::{Moment, iso},
        text::Text,
    },
    error::{ApiError, documentation::refusals},
    extract::{client::Client, signed::Signed},
    state::AppState,
};

/// How long the code should live, in which form it is wanted, and what it is for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct IssueCodeRequest {
    /// When the code should expire, at most one minute ahead: an ISO-8601 date, or an integer Unix time
    /// in seconds (below 10^12) or milliseconds.
    expiration: Moment,
    /// Whether to give the long form alone, in `code`, so that no short one can be guessed.
    long_only: Option<bool>,
    /// The application that the credential is for. Entered on a page of another one, or by a client that names
    /// another one, the code is a wrong one.
    #[schema(value_type = Option<String>, example = "ap-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    application_id: Option<Text<ApplicationId>>,
    /// The kinds that the credential may be of: for another one the code is a wrong one.
    #[schema(value_type = Option<Vec<String>>, example = json!(["Fido2"]))]
    credential_kinds: Option<Vec<Text<CredentialKind>>>,
    /// What the credential is called, whatever the place would call it.
    #[schema(value_type = Option<String>, example = "My phone")]
    credential_name: Option<Text<CredentialName>>,
}

impl TryFrom<IssueCodeRequest> for IssueCode {
    type Error = ApiError;

    fn try_from(request: IssueCodeRequest) -> Result<Self, ApiError> {
        let kinds = request
            .credential_kinds
            .map(|kinds| {
                let kinds: Vec<_> = kinds.into_iter().map(|Text(kind)| kind).collect();
                Kinds::new(&kinds)
            })
            .transpose()
            .map_err(|none| ApiError::invalid_field("credentialKinds", &none.to_string()))?;
        Ok(Self {
            expiration: request.expiration.0,
            long_only: request.long_only.unwrap_or_default(),
            binding: Binding {
                application: request.application_id.map(|Text(id)| id),
                kinds,
                name: request.credential_name.map(|Text(name)| name),
            },
        })
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

refusals!(Refusals: [BODY, SIGNED], [InvalidExpiration, ApplicationNotFound, CredentialFresh]);

/// Issue a credential code
///
/// Gives a one-time code with which a credential can be added in another place, where nobody is signed
/// in. It cancels every earlier code that is not redeemed. It may be for one application, for some kinds and of a
/// name; for anything else it is a wrong code then.
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
    let wanted: IssueCode = signed.body.try_into()?;
    let issued = codes.issue(&caller, &signed.request, wanted).await?;
    Ok(Json(issued.into()))
}

//! `POST /auth/credentials/code/verify`

use axum::{Extension, Json, extract::State};
use latchkey_service::{approvals::Awaited, credential_codes::MadeWithCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    dto::{
        credential::{self, CredentialBody},
        example::with,
        first_credentials::AuthenticationBody,
        new_credential::CredentialWithCodeRequest,
    },
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    state::AppState,
};

/// The credential that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(with(credential::example(), json!({ "createdBy": "code" }))))]
pub(crate) struct MadeWithCodeBody {
    #[serde(flatten)]
    credential: CredentialBody,
    /// When the credential waits for its owner's approval, and only then: what to ask with whether it
    /// came. Until then `isActive` is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "eyJ0eXAiOiJsYXRjaGtleS1hcHByb3ZhbCtqd3QiLCJhbGciOiJFUzI1NiJ9...")]
    approval_token: Option<String>,
    /// Then too: the number to show where it was made, which its owner picks from three to approve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 47)]
    number: Option<u16>,
    /// The session that began, where one was asked for and the organization lets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication: Option<AuthenticationBody>,
}

impl From<MadeWithCode> for MadeWithCodeBody {
    fn from(made: MadeWithCode) -> Self {
        let (approval_token, number) = made
            .awaited
            .map(|Awaited { token, number }| (token, number))
            .unzip();
        Self {
            credential: made.credential.into(),
            approval_token,
            number,
            authentication: made.session.map(AuthenticationBody::from),
        }
    }
}

refusals!(Refusals: [BODY], [OriginNotAllowed, ChallengeInvalid, ProofRefused, CredentialIdTaken, TooManyCredentials]);

/// Add a credential with a code
///
/// Takes the same body and gives the same answer as `POST /auth/credentials`, but nobody is signed in,
/// no user action is needed, and it accepts only a challenge of `POST /auth/credentials/code/init`. Where
/// the organization asks for approval, the credential waits up to five minutes for its owner and is gone
/// then; the answer has an `approvalToken`, and the `number` that its owner must pick. With `signIn`, and where the
/// organization lets a session begin so, whoever made a credential that need not wait is signed in with it.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/verify",
    operation_id = "createCredentialWithCode",
    tag = "Create Credential With Code",
    request_body(content = CredentialWithCodeRequest, example = json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "credentialName": "My phone",
        "credentialKind": "Fido2",
        "credentialInfo": {
            "credId": "c29tZS1yYW5kb20taWQ",
            "clientData": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiLi4uIn0",
            "attestationData": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVg..."
        }
    })),
    responses((status = 200, description = "The credential", body = MadeWithCodeBody), Refusals)
)]
pub(crate) async fn create_credential_with_code(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    JsonBody(request): JsonBody<CredentialWithCodeRequest>,
) -> Result<Json<MadeWithCodeBody>, ApiError> {
    let sign_in = request.sign_in;
    let (identifier, new) = request.into_parts()?;
    let codes = &state.use_cases.credential_codes;
    let made = match sign_in {
        Some(true) => codes.verify_and_sign_in(&caller, &identifier, new).await?,
        Some(false) | None => codes.verify(&caller, &identifier, new).await?,
    };
    subject.note(&made.credential.organization, &made.credential.user);
    Ok(Json(made.into()))
}

//! `POST /auth/credentials/code/verify`

use axum::{Extension, Json, extract::State};

use crate::{
    dto::credential::CredentialBody,
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    routes::credentials::create::CredentialRequest,
    state::AppState,
};

refusals!(Refusals: [BODY], [OriginNotAllowed, ChallengeInvalid, ProofRefused, CredentialIdTaken, TooManyCredentials]);

/// Add a credential with a code
///
/// Takes the same body and gives the same answer as `POST /auth/credentials`, but nobody is signed in,
/// no user action is needed, and it accepts only a challenge of `POST /auth/credentials/code/init`.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/verify",
    operation_id = "createCredentialWithCode",
    tag = "Create Credential With Code",
    request_body(content = CredentialRequest, example = json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "credentialName": "My phone",
        "credentialKind": "Fido2",
        "credentialInfo": {
            "credId": "c29tZS1yYW5kb20taWQ",
            "clientData": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiLi4uIn0",
            "attestationData": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVg..."
        }
    })),
    responses((status = 200, description = "The credential", body = CredentialBody), Refusals)
)]
pub(crate) async fn create_credential_with_code(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    JsonBody(request): JsonBody<CredentialRequest>,
) -> Result<Json<CredentialBody>, ApiError> {
    let (identifier, new) = request.into_parts()?;
    let codes = &state.services.credential_codes;
    let credential = codes.verify(&caller, &identifier, new).await?;
    subject.note(&credential.organization, &credential.user);
    Ok(Json(credential.into()))
}

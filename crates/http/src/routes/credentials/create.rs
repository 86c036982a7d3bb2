//! `POST /auth/credentials`

use axum::{Json, extract::State};
use latchkey_domain::{
    credential::{CredentialKind, key::EncryptedPrivateKey},
    text::CredentialName,
};
use latchkey_service::new_credential::NewCredential;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        credential::CredentialBody,
        new_credential::{CredentialInfoBody, CredentialParts},
        text::Text,
    },
    error::{ApiError, documentation::refusals},
    extract::{client::Client, signed::Signed},
    state::AppState,
};

/// A new credential, its name and the challenge it signed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CredentialRequest {
    /// The `challengeIdentifier` of the init call.
    challenge_identifier: String,
    /// What the user calls it; 1 to 128 characters.
    #[schema(value_type = String, example = "My laptop")]
    credential_name: Text<CredentialName>,
    /// The kind; `kind` is understood too.
    #[schema(value_type = String, required = true, example = "Key")]
    credential_kind: Option<Text<CredentialKind>>,
    /// What older documents call `credentialKind`.
    #[schema(value_type = Option<String>, deprecated)]
    kind: Option<Text<CredentialKind>>,
    /// The proof that the client holds the private key.
    #[schema(required = true)]
    credential_info: Option<CredentialInfoBody>,
    /// The private key, encrypted by the client: required for `PasswordProtectedKey`, optional for
    /// `RecoveryKey`, ignored otherwise. At most 16 KiB.
    #[schema(value_type = Option<String>)]
    encrypted_private_key: Option<Text<EncryptedPrivateKey>>,
}

impl CredentialRequest {
    /// The challenge identifier and the credential.
    pub(crate) fn into_parts(self) -> Result<(String, NewCredential), ApiError> {
        let parts = CredentialParts {
            kind: self.credential_kind.or(self.kind),
            info: self.credential_info,
            encrypted_private_key: self.encrypted_private_key,
        };
        let new = NewCredential {
            name: self.credential_name.0,
            proof: parts.into_proof("")?,
        };
        Ok((self.challenge_identifier, new))
    }
}

refusals!(Refusals: [BODY, SIGNED], [
    OriginNotAllowed, ChallengeInvalid, ProofRefused, CredentialIdTaken, TooManyCredentials
]);

/// Add a credential
///
/// Makes a credential of the signed-in user, using up the challenge and the user action.
#[utoipa::path(
    post,
    path = "/auth/credentials",
    operation_id = "createCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = CredentialRequest, example = json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "credentialName": "My laptop",
        "credentialKind": "Key",
        "credentialInfo": {
            "credId": "bGFwdG9w",
            "clientData": "eyJ0eXBlIjoia2V5LmNyZWF0ZSIsImNoYWxsZW5nZSI6Ii4uLiJ9",
            "attestationData": "eyJwdWJsaWNLZXkiOiIuLi4iLCJzaWduYXR1cmUiOiIuLi4ifQ"
        }
    })),
    responses((status = 200, description = "The credential", body = CredentialBody), Refusals)
)]
pub(crate) async fn create_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<CredentialRequest>,
) -> Result<Json<CredentialBody>, ApiError> {
    let (identifier, new) = signed.body.into_parts()?;
    let credential = state
        .services
        .credentials
        .create(&caller, &signed.request, &identifier, new)
        .await?;
    Ok(Json(credential.into()))
}

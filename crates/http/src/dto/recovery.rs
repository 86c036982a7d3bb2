//! The proof made with a recovery key, as it comes in (API contract §3.9).

use latchkey_domain::credential::CredentialReference;
use latchkey_service::ports::proof_verifier::RecoveryProof;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    base64url::Base64Url,
    text::{FromText, Text, required},
};
use crate::error::ApiError;

/// The proof made with the recovery key.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RecoveryProofBody {
    /// Always `RecoveryKey`.
    #[schema(value_type = String, example = "RecoveryKey")]
    #[serde(rename = "kind")]
    _kind: Text<RecoveryKind>,
    /// The signature and what was signed.
    credential_assertion: RecoveryAssertionBody,
}

/// The signature and what was signed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct RecoveryAssertionBody {
    /// The credential id of the recovery key as it was registered, or its `cr-…`.
    #[schema(required = true, value_type = String)]
    cred_id: Option<String>,
    /// base64url of the client data, as it was signed. Its `challenge` is base64url of `newCredentials`
    /// as JSON text.
    #[schema(required = true, value_type = String)]
    client_data: Option<Base64Url>,
    /// base64url of the signature over the client data.
    #[schema(required = true, value_type = String)]
    signature: Option<Base64Url>,
    /// The digest, when it is not the key's default.
    algorithm: Option<String>,
}

/// The one kind of credential that recovers.
struct RecoveryKind;

impl FromText for RecoveryKind {
    fn from_text(text: String) -> Result<Self, String> {
        match text.as_str() {
            "RecoveryKey" => Ok(Self),
            _ => Err("must be RecoveryKey".to_owned()),
        }
    }
}

impl TryFrom<RecoveryProofBody> for RecoveryProof {
    type Error = ApiError;

    fn try_from(body: RecoveryProofBody) -> Result<Self, ApiError> {
        let member = |name: &str| format!("recovery.credentialAssertion.{name}");
        let assertion = body.credential_assertion;
        let id_path = member("credId");
        let credential = CredentialReference::parse(&required(assertion.cred_id, &id_path)?)
            .map_err(|error| ApiError::invalid_field(id_path, &error.to_string()))?;
        let Base64Url(client_data) = required(assertion.client_data, &member("clientData"))?;
        let Base64Url(signature) = required(assertion.signature, &member("signature"))?;
        Ok(Self {
            credential,
            client_data,
            signature,
            algorithm: assertion.algorithm,
        })
    }
}

//! A proof that a credential was used, as it comes in (API contract §4.6).

use latchkey_domain::credential::CredentialReference;
use latchkey_service::{
    factors::FactorAnswer,
    ports::proof_verifier::{AssertionProof, Used},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    base64url::{Base64Url, UserHandle},
    text::{FromText, Text, required},
};
use crate::error::ApiError;

/// The answer to a challenge: what login and action receive.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct FactorAnswerBody {
    /// The `challengeIdentifier` of the init call.
    challenge_identifier: String,
    /// The proof that counts.
    first_factor: FactorBody,
    /// A second proof: never required, but when it is sent it must be true and of the same user.
    second_factor: Option<FactorBody>,
}

/// The answer to a challenge, in the description.
pub(crate) fn example() -> Value {
    json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "firstFactor": {
            "kind": "Key",
            "credentialAssertion": {
                "credId": "bGFwdG9w",
                "clientData": "eyJ0eXBlIjoia2V5LmdldCIsImNoYWxsZW5nZSI6Ii4uLiJ9",
                "signature": "MEUCIQ..."
            }
        }
    })
}

/// A proof that a credential was used.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct FactorBody {
    /// `Fido2`, `Key` or `PasswordProtectedKey`.
    #[schema(value_type = String, required = true, example = "Key")]
    kind: Option<Text<FactorKind>>,
    /// The signature and what was signed.
    #[schema(required = true)]
    credential_assertion: Option<CredentialAssertionBody>,
}

/// The signature and what was signed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct CredentialAssertionBody {
    /// The credential id as it was registered, or the credential's `cr-…`.
    #[schema(required = true, value_type = String)]
    cred_id: Option<String>,
    /// base64url of the client data, as it was signed.
    #[schema(required = true, value_type = String)]
    client_data: Option<Base64Url>,
    /// base64url of the authenticator data; required for `Fido2`.
    #[schema(value_type = Option<String>)]
    authenticator_data: Option<Base64Url>,
    /// base64url of the signature.
    #[schema(required = true, value_type = String)]
    signature: Option<Base64Url>,
    /// base64url of the user handle (`Fido2`), if the authenticator gave one; or the user's id as it is.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    user_handle: UserHandle,
    /// The digest (key kinds), when it is not the key's default.
    algorithm: Option<String>,
}

/// The kinds of credentials that sign in and sign actions.
#[derive(Clone, Copy)]
enum FactorKind {
    Fido2,
    Key,
    PasswordProtectedKey,
}

impl FromText for FactorKind {
    fn from_text(text: String) -> Result<Self, String> {
        const OFFERED: &str = "Fido2, Key, PasswordProtectedKey";
        match text.as_str() {
            "Fido2" => Ok(Self::Fido2),
            "Key" => Ok(Self::Key),
            "PasswordProtectedKey" => Ok(Self::PasswordProtectedKey),
            "RecoveryKey" => Err(format!(
                "cannot be RecoveryKey, which is for recovery only; use one of {OFFERED}"
            )),
            "Password" | "Totp" => Err(format!(
                "is deprecated and not offered; use one of {OFFERED}"
            )),
            _ => Err(format!("must be one of {OFFERED}")),
        }
    }
}

impl TryFrom<FactorAnswerBody> for FactorAnswer {
    type Error = ApiError;

    fn try_from(body: FactorAnswerBody) -> Result<Self, ApiError> {
        let second = body.second_factor;
        Ok(Self {
            identifier: body.challenge_identifier,
            first: body.first_factor.into_proof("firstFactor")?,
            second: second
                .map(|factor| factor.into_proof("secondFactor"))
                .transpose()?,
        })
    }
}

impl FactorBody {
    fn into_proof(self, place: &str) -> Result<AssertionProof, ApiError> {
        let Text(kind) = required(self.kind, &format!("{place}.kind"))?;
        let place = format!("{place}.credentialAssertion");
        required(self.credential_assertion, &place)?.into_proof(&place, kind)
    }
}

impl CredentialAssertionBody {
    fn into_proof(self, place: &str, kind: FactorKind) -> Result<AssertionProof, ApiError> {
        let member = |name: &str| format!("{place}.{name}");
        let id_path = member("credId");
        let credential = CredentialReference::parse(&required(self.cred_id, &id_path)?)
            .map_err(|error| ApiError::invalid_field(id_path, &error.to_string()))?;
        let Base64Url(client_data) = required(self.client_data, &member("clientData"))?;
        let Base64Url(signature) = required(self.signature, &member("signature"))?;
        let used = match kind {
            FactorKind::Fido2 => {
                let path = member("authenticatorData");
                let Base64Url(authenticator_data) = required(self.authenticator_data, &path)?;
                let UserHandle(user_handle) = self.user_handle;
                Used::Fido2 {
                    authenticator_data,
                    user_handle,
                }
            }
            FactorKind::Key => Used::Key {
                algorithm: self.algorithm,
            },
            FactorKind::PasswordProtectedKey => Used::PasswordProtectedKey {
                algorithm: self.algorithm,
            },
        };
        Ok(AssertionProof {
            credential,
            client_data,
            signature,
            used,
        })
    }
}

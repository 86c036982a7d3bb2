//! `AuthChallenge`: the answer of login/init and action/init (API contract §4.2).

use latchkey_domain::credential::{CredentialId, key::EncryptedPrivateKey};
use latchkey_service::factors::{AllowedCredentials, FactorChallenge};
use serde::Serialize;
use utoipa::ToSchema;

use super::relying_party::{
    Attestation, CredentialDescriptor, FACTOR_KINDS, RelyingPartyBody, Requirement,
};

/// A challenge, and the credentials that may sign it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "supportedCredentialKinds": [
        { "kind": "Fido2", "factor": "either", "requiresSecondFactor": false },
        { "kind": "Key", "factor": "either", "requiresSecondFactor": false },
        { "kind": "PasswordProtectedKey", "factor": "either", "requiresSecondFactor": false }
    ],
    "challenge": "Y2gtMzllNDYtaGJtdm0tOGx0cXEzc2o0ODg3ZTdwOA",
    "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9...",
    "rp": { "id": "example.com", "name": "Example app" },
    "userVerification": "required",
    "attestation": "none",
    "allowCredentials": {
        "key": [],
        "webauthn": [{ "type": "public-key", "id": "qkKZ-aW1YSRJK0OESzNk8A" }]
    },
    "externalAuthenticationUrl": ""
}))]
pub(crate) struct AuthChallenge {
    /// The kinds that may answer.
    supported_credential_kinds: Vec<SupportedKind>,
    /// What must be signed.
    #[schema(example = "Y2gtMzllNDYtaGJtdm0tOGx0cXEzc2o0ODg3ZTdwOA")]
    challenge: String,
    /// To be sent back with the answer; lives five minutes.
    challenge_identifier: String,
    /// The application the ceremony is for.
    rp: RelyingPartyBody,
    /// Whether the authenticator must verify who uses it.
    user_verification: Requirement,
    /// How the authenticator proves its model.
    attestation: Attestation,
    /// The credentials that may sign; the lists are empty for a sign-in without a username.
    allow_credentials: AllowCredentials,
    /// Always empty.
    external_authentication_url: &'static str,
}

/// A kind that may answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SupportedKind {
    /// The kind.
    kind: &'static str,
    /// As which factor it may be used.
    #[schema(example = "either")]
    factor: &'static str,
    /// Whether it must come with another one.
    requires_second_factor: bool,
}

/// The credentials that may sign.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AllowCredentials {
    /// Key pairs.
    key: Vec<CredentialDescriptor>,
    /// Passkeys.
    webauthn: Vec<CredentialDescriptor>,
    /// Key pairs with the encrypted private half: for the signed-in user, and for a login code.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_protected_key: Option<Vec<ProtectedDescriptor>>,
}

/// A key pair with its encrypted private half.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProtectedDescriptor {
    /// Always `public-key`.
    r#type: &'static str,
    /// The credential id, exactly as it was registered.
    id: String,
    /// As the client gave it.
    encrypted_private_key: String,
}

impl From<FactorChallenge> for AuthChallenge {
    fn from(challenge: FactorChallenge) -> Self {
        let begun = challenge.begun;
        let kinds = FACTOR_KINDS.into_iter().map(|kind| SupportedKind {
            kind: kind.as_str(),
            factor: "either",
            requires_second_factor: false,
        });
        Self {
            supported_credential_kinds: kinds.collect(),
            challenge: begun.challenge.text.to_string(),
            challenge_identifier: begun.identifier,
            rp: begun.application.as_ref().into(),
            user_verification: Requirement::Required,
            attestation: Attestation::None,
            allow_credentials: challenge.allowed.into(),
            external_authentication_url: "",
        }
    }
}

impl From<AllowedCredentials> for AllowCredentials {
    fn from(allowed: AllowedCredentials) -> Self {
        let passkeys = allowed.passkeys.iter();
        Self {
            key: allowed.keys.iter().map(CredentialDescriptor::of).collect(),
            webauthn: passkeys.map(CredentialDescriptor::of_passkey).collect(),
            password_protected_key: allowed
                .password_protected_keys
                .map(|keys| keys.into_iter().map(protected).collect()),
        }
    }
}

fn protected((id, encrypted): (CredentialId, EncryptedPrivateKey)) -> ProtectedDescriptor {
    ProtectedDescriptor {
        r#type: CredentialDescriptor::PUBLIC_KEY,
        id: id.to_string(),
        encrypted_private_key: encrypted.reveal().to_owned(),
    }
}

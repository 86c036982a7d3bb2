//! A new credential as it comes in (API contract §4.5).
//!
//! What a credential needs depends on its kind, so most members are optional here and required one by
//! one; a deprecated kind is then refused by its name, whatever else it brings.

use latchkey_domain::{
    credential::{CredentialId, CredentialKind, key::EncryptedPrivateKey, passkey::Transports},
    text::CredentialName,
};
use latchkey_service::{
    ceremony::NewCredential,
    first_credentials::FirstCredential,
    ports::proof_verifier::{CreationProof, Offered},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    base64url::Base64Url,
    text::{Text, required},
};
use crate::error::ApiError;

/// A body that has, besides members of its own, those that make a credential. Flattened, what is wrong with a member
/// could not be told by its path.
macro_rules! credential_bodies {
    ($($(#[$about:meta])* $name:ident { $($own:tt)* })*) => {$(
        $(#[$about])*
        #[derive(Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase", expecting = "an object")]
        pub(crate) struct $name {
            $($own)*
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

        impl $name {
            /// What makes the credential, which is not there any more afterwards.
            fn take_parts(&mut self) -> CredentialParts {
                CredentialParts {
                    kind: self.credential_kind.take().or(self.kind.take()),
                    info: self.credential_info.take(),
                    encrypted_private_key: self.encrypted_private_key.take(),
                }
            }
        }
    )*};
}

credential_bodies! {
    /// A new credential, its name and the challenge it signed.
    CredentialRequest {
        /// The `challengeIdentifier` of the init call.
        challenge_identifier: String,
        /// What the user calls it; 1 to 128 characters.
        #[schema(value_type = String, example = "My laptop")]
        credential_name: Text<CredentialName>,
        /// For a `RecoveryKey`: whether it takes the place of every other one of the user, which are deleted then.
        replaces_recovery_keys: Option<bool>,
    }

    /// The same with the challenge of a code, and whether to be signed in with the credential.
    CredentialWithCodeRequest {
        /// The `challengeIdentifier` of the init call.
        challenge_identifier: String,
        /// What the user calls it; 1 to 128 characters.
        #[schema(value_type = String, example = "My laptop")]
        credential_name: Text<CredentialName>,
        /// Whether a session is to begin with the credential, where the organization lets it: the answer has it in
        /// `authentication` then.
        pub(crate) sign_in: Option<bool>,
    }

    /// A new credential of one of the kinds `Fido2`, `Key`, `PasswordProtectedKey` and `RecoveryKey`.
    NewCredentialBody {
        /// What the user calls it; 1 to 128 characters.
        #[schema(value_type = Option<String>, example = "My laptop")]
        credential_name: Option<Text<CredentialName>>,
    }
}

/// The proof that the client holds the private key.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct CredentialInfoBody {
    /// The id that the authenticator or client chose; given back exactly as sent.
    #[schema(required = true, value_type = String)]
    cred_id: Option<String>,
    /// base64url of the client data, as it was signed.
    #[schema(required = true, value_type = String)]
    client_data: Option<Base64Url>,
    /// base64url of the attestation object (`Fido2`), or of the JSON
    /// `{"publicKey": "<PEM>", "signature": "<hex>"}` (key kinds).
    #[schema(required = true, value_type = String)]
    attestation_data: Option<Base64Url>,
    /// How the authenticator may be reached (`Fido2`), as `getTransports()` tells: given back in the lists of
    /// challenges. Names that are not known are passed over.
    #[schema(example = json!(["internal", "hybrid"]))]
    transports: Option<Vec<String>>,
}

/// A new key, in the description.
pub(crate) fn example() -> Value {
    json!({
        "credentialKind": "Key",
        "credentialInfo": {
            "credId": "bGFwdG9w",
            "clientData": "eyJ0eXBlIjoia2V5LmNyZWF0ZSIsImNoYWxsZW5nZSI6Ii4uLiJ9",
            "attestationData": "eyJwdWJsaWNLZXkiOiIuLi4iLCJzaWduYXR1cmUiOiIuLi4ifQ"
        }
    })
}

/// What makes a credential, wherever in a body it stands.
struct CredentialParts {
    kind: Option<Text<CredentialKind>>,
    info: Option<CredentialInfoBody>,
    encrypted_private_key: Option<Text<EncryptedPrivateKey>>,
}

impl CredentialRequest {
    /// The challenge identifier and the credential.
    pub(crate) fn into_parts(mut self) -> Result<(String, NewCredential), ApiError> {
        let parts = self.take_parts();
        parts.named(self.challenge_identifier, self.credential_name)
    }

    /// Whether it takes the place of every other recovery key: nothing of another kind can.
    pub(crate) fn replaces_recovery_keys(&self) -> Result<bool, ApiError> {
        let replaces = self.replaces_recovery_keys.unwrap_or_default();
        let kind = self.credential_kind.as_ref().or(self.kind.as_ref());
        let is_one = kind.is_some_and(|Text(kind)| *kind == CredentialKind::RecoveryKey);
        if replaces && !is_one {
            return Err(ApiError::invalid_field(
                "replacesRecoveryKeys",
                "can be true for a RecoveryKey alone",
            ));
        }
        Ok(replaces)
    }
}

impl CredentialWithCodeRequest {
    /// The challenge identifier and the credential.
    pub(crate) fn into_parts(mut self) -> Result<(String, NewCredential), ApiError> {
        let parts = self.take_parts();
        parts.named(self.challenge_identifier, self.credential_name)
    }
}

impl NewCredentialBody {
    /// The credential at this place of a body.
    pub(crate) fn into_first(mut self, place: &str) -> Result<FirstCredential, ApiError> {
        let parts = self.take_parts();
        Ok(FirstCredential {
            name: self.credential_name.map(|Text(name)| name),
            proof: parts.into_proof(&format!("{place}."))?,
        })
    }
}

impl CredentialParts {
    /// The credential of that name, and the challenge identifier that came with it.
    fn named(
        self,
        identifier: String,
        Text(name): Text<CredentialName>,
    ) -> Result<(String, NewCredential), ApiError> {
        let proof = self.into_proof("")?;
        Ok((identifier, NewCredential { name, proof }))
    }

    /// The proof; `prefix` is the path to these members, with a dot at its end unless it is empty.
    fn into_proof(self, prefix: &str) -> Result<CreationProof, ApiError> {
        let Text(kind) = required(self.kind, &format!("{prefix}credentialKind"))?;
        let encrypted = self.encrypted_private_key.map(|Text(encrypted)| encrypted);
        let offered = match kind {
            CredentialKind::Fido2 => {
                let named = self.info.as_ref().and_then(|info| info.transports.as_ref());
                let named = named.into_iter().flatten().map(String::as_str);
                Offered::Fido2(Transports::among(named))
            }
            CredentialKind::Key => Offered::Key,
            CredentialKind::PasswordProtectedKey => {
                let path = format!("{prefix}encryptedPrivateKey");
                Offered::PasswordProtectedKey(required(encrypted, &path)?)
            }
            CredentialKind::RecoveryKey => Offered::RecoveryKey(encrypted),
        };
        let path = format!("{prefix}credentialInfo");
        required(self.info, &path)?.into_proof(&path, offered)
    }
}

impl CredentialInfoBody {
    fn into_proof(self, place: &str, offered: Offered) -> Result<CreationProof, ApiError> {
        let member = |name: &str| format!("{place}.{name}");
        let id_path = member("credId");
        let credential_id = CredentialId::new(required(self.cred_id, &id_path)?)
            .map_err(|error| ApiError::invalid_field(id_path, &error.to_string()))?;
        let Base64Url(client_data) = required(self.client_data, &member("clientData"))?;
        let Base64Url(attestation_data) =
            required(self.attestation_data, &member("attestationData"))?;
        Ok(CreationProof {
            credential_id,
            client_data,
            attestation_data,
            offered,
        })
    }
}

//! A credential as it goes out (API contract §4.7).

use latchkey_domain::credential::{Credential, Material};
use serde::Serialize;
use utoipa::ToSchema;

use super::date::iso;

/// A registered public key of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialBody {
    /// `Fido2`, `Key`, `PasswordProtectedKey` or `RecoveryKey`.
    #[schema(example = "Key")]
    kind: &'static str,
    /// The id that the authenticator or client chose, exactly as it was registered.
    credential_id: String,
    /// Identifies it for this service.
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: String,
    /// When it was made.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    date_created: String,
    /// A credential that is not active proves nothing.
    is_active: bool,
    /// What the user calls it.
    name: String,
    /// The fingerprint of the public key: `SHA256:` and unpadded base64 of SHA-256 over its
    /// SubjectPublicKeyInfo.
    #[schema(example = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]
    public_key: String,
    /// The public key itself, as PEM.
    public_key_pem: String,
    /// The RP id of a passkey; empty for key kinds.
    relying_party_id: String,
    /// The origin that the client data named when it was made; may be empty for key kinds.
    origin: String,
}

impl From<Credential> for CredentialBody {
    fn from(credential: Credential) -> Self {
        let (relying_party_id, origin) = match &credential.material {
            Material::Fido2(passkey) => (passkey.rp_id.to_string(), passkey.origin.to_string()),
            Material::Key(pair)
            | Material::PasswordProtectedKey(pair, _)
            | Material::RecoveryKey(pair, _) => {
                (String::new(), pair.origin.clone().unwrap_or_default())
            }
        };
        let public_key = credential.material.public_key();
        Self {
            kind: credential.kind().as_str(),
            credential_id: credential.id.to_string(),
            credential_uuid: credential.uuid.to_string(),
            date_created: iso(credential.created),
            is_active: credential.is_active,
            public_key: public_key.fingerprint(),
            public_key_pem: public_key.pem(),
            name: credential.name.to_string(),
            relying_party_id,
            origin,
        }
    }
}

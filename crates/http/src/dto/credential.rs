//! A credential as it goes out (API contract §4.7).

use latchkey_domain::credential::{Credential, Material, passkey::Passkey};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::date::iso;

/// A registered public key of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = example)]
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
    #[serde(flatten)]
    details: CredentialDetails,
}

/// What helps its owner to recognise a credential. Members that only passkeys have are left out for the
/// other kinds, and what is not known is left out too.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CredentialDetails {
    /// The model of the authenticator of a passkey, all zeros when it does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4")]
    aaguid: Option<String>,
    /// Who makes such authenticators; for people, since an authenticator may claim any model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Google Password Manager")]
    provider: Option<&'static str>,
    /// Whether a passkey may be synced between devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_eligible: Option<bool>,
    /// Whether a passkey was synced when it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    backed_up: Option<bool>,
    /// When it last signed in or signed an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    last_used_at: Option<String>,
    /// What allowed it to be made: `registration`, `credential`, `code` or `recovery`.
    #[schema(example = "code")]
    created_by: &'static str,
    /// The page it was made on; left out for native clients, which have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://app.example.com")]
    created_origin: Option<String>,
    /// The address it was made from.
    #[schema(example = "203.0.113.9")]
    created_address: String,
}

/// A credential, in the description.
pub(crate) fn example() -> Value {
    json!({
        "kind": "Fido2",
        "credentialId": "qkKZ-aW1YSRJK0OESzNk8A",
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "dateCreated": "2026-01-31T12:00:00.000Z",
        "isActive": true,
        "name": "My telephone",
        "publicKey": "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMFkw...\n-----END PUBLIC KEY-----\n",
        "relyingPartyId": "example.com",
        "origin": "https://app.example.com",
        "aaguid": "00000000-0000-0000-0000-000000000000",
        "backupEligible": true,
        "backedUp": true,
        "createdBy": "credential",
        "createdOrigin": "https://app.example.com",
        "createdAddress": "203.0.113.9"
    })
}

impl From<&Credential> for CredentialDetails {
    fn from(credential: &Credential) -> Self {
        let passkey: Option<&Passkey> = match &credential.material {
            Material::Fido2(passkey) => Some(passkey),
            Material::Key(_) | Material::PasswordProtectedKey(..) | Material::RecoveryKey(..) => {
                None
            }
        };
        let provenance = &credential.provenance;
        Self {
            aaguid: passkey.map(|passkey| passkey.aaguid.to_string()),
            provider: credential.provider(),
            backup_eligible: passkey.map(|passkey| passkey.backup_eligible),
            backed_up: passkey.map(|passkey| passkey.backed_up),
            last_used_at: credential.last_used.map(iso),
            created_by: provenance.made_by.as_str(),
            created_origin: provenance.origin.as_ref().map(ToString::to_string),
            created_address: provenance.address.to_string(),
        }
    }
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
            is_active: credential.is_active(),
            public_key: public_key.fingerprint(),
            public_key_pem: public_key.pem(),
            name: credential.name.to_string(),
            relying_party_id,
            origin,
            details: (&credential).into(),
        }
    }
}

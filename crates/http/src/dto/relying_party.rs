//! What all challenges say about the relying party, the user and the ceremony.

use latchkey_domain::{application::Application, credential::CredentialKind, user::User};
use latchkey_service::ceremony::ListedPasskey;
use serde::Serialize;
use utoipa::ToSchema;

/// The application the ceremony is for.
#[derive(Serialize, ToSchema)]
pub(crate) struct RelyingPartyBody {
    /// The RP id.
    #[schema(example = "app.example.com")]
    id: String,
    /// What passkey prompts show.
    name: String,
}

impl From<&Application> for RelyingPartyBody {
    fn from(application: &Application) -> Self {
        Self {
            id: application.relying_party.rp_id().to_string(),
            name: application.name.to_string(),
        }
    }
}

/// Whose credential it becomes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnerBody {
    /// The `us-…`; its UTF-8 bytes are the WebAuthn user handle.
    id: String,
    /// The username.
    display_name: String,
    /// The username.
    name: String,
}

impl From<&User> for OwnerBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            display_name: user.username.to_string(),
            name: user.username.to_string(),
        }
    }
}

/// What is asked of authenticators; the same in every ceremony.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Requirement {
    /// Without it the ceremony fails.
    Required,
}

/// How authenticators prove their model; the same in every ceremony.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attestation {
    /// They need not.
    None,
}

/// An id in a list of credentials.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialDescriptor {
    /// Always `public-key`.
    r#type: &'static str,
    /// The credential id, exactly as it was registered.
    id: String,
    /// How the authenticator of a passkey may be reached, when its client said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["internal", "hybrid"]))]
    transports: Option<Vec<&'static str>>,
}

impl CredentialDescriptor {
    /// The type of every public key credential (WebAuthn §5.8.2).
    pub(crate) const PUBLIC_KEY: &'static str = "public-key";

    /// The entry of this credential id.
    pub(crate) fn of(id: &latchkey_domain::credential::CredentialId) -> Self {
        Self {
            r#type: Self::PUBLIC_KEY,
            id: id.to_string(),
            transports: None,
        }
    }

    /// The entry of this passkey.
    pub(crate) fn of_passkey(passkey: &ListedPasskey) -> Self {
        let transports = &passkey.transports;
        Self {
            transports: (!transports.is_empty()).then(|| transports.names()),
            ..Self::of(&passkey.id)
        }
    }
}

/// The kinds that sign in, and so may be a first or second factor.
pub(crate) const FACTOR_KINDS: [CredentialKind; 3] = [
    CredentialKind::Fido2,
    CredentialKind::Key,
    CredentialKind::PasswordProtectedKey,
];

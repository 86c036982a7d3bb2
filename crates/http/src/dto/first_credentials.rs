//! The credentials that an account begins with, or begins anew with, as they come in (API contract §4.5),
//! and the answer when they are made (§4.10).

use latchkey_service::{
    ceremony::SignedIn,
    first_credentials::{FirstCredentials, Registered},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::new_credential::NewCredentialBody;
use crate::error::ApiError;

/// The first credentials of a user; all sign the same challenge.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
pub(crate) struct FirstCredentialsBody {
    /// The credential to sign in with: `Fido2`, `Key` or `PasswordProtectedKey`.
    #[serde(rename = "firstFactorCredential")]
    pub(crate) first: NewCredentialBody,
    /// A second one to sign in with.
    #[serde(rename = "secondFactorCredential")]
    pub(crate) second: Option<NewCredentialBody>,
    /// One for recovery: `RecoveryKey`.
    #[serde(rename = "recoveryCredential")]
    pub(crate) recovery: Option<NewCredentialBody>,
}

impl FirstCredentialsBody {
    /// The credentials; `prefix` is the path to these members, with a dot at its end unless it is empty.
    pub(crate) fn into_credentials(self, prefix: &str) -> Result<FirstCredentials, ApiError> {
        let read = |credential: NewCredentialBody, place: &str| {
            credential.into_first(&format!("{prefix}{place}"))
        };
        let optional = |credential: Option<NewCredentialBody>, place| {
            credential
                .map(|credential| read(credential, place))
                .transpose()
        };
        Ok(FirstCredentials {
            first: read(self.first, "firstFactorCredential")?,
            second: optional(self.second, "secondFactorCredential")?,
            recovery: optional(self.recovery, "recoveryCredential")?,
        })
    }
}

/// Who has made credentials, and which one is the first.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "credential": {
        "uuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "kind": "Fido2",
        "credentialKind": "Fido2",
        "name": "Default Credential"
    },
    "user": {
        "id": "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "username": "ada@example.com",
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st"
    }
}))]
pub(crate) struct RegisteredBody {
    credential: RegisteredCredentialBody,
    user: RegisteredUserBody,
    /// The session that began, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication: Option<AuthenticationBody>,
}

/// A session that began with a credential that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthenticationBody {
    /// The session token, to be sent as bearer token.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9...")]
    token: String,
}

impl From<SignedIn> for AuthenticationBody {
    fn from(SignedIn { token, .. }: SignedIn) -> Self {
        Self { token }
    }
}

/// The first credential.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisteredCredentialBody {
    /// Identifies it for this service.
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    uuid: String,
    /// Its kind.
    kind: &'static str,
    /// Its kind, by its older name.
    credential_kind: &'static str,
    /// Its name.
    name: String,
}

/// The user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisteredUserBody {
    /// Identifies the user.
    #[schema(example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    id: String,
    /// What the user signs in with.
    username: String,
    /// The user's organization.
    org_id: String,
}

impl From<Registered> for RegisteredBody {
    fn from(registered: Registered) -> Self {
        let kind = registered.credential.kind().as_str();
        Self {
            credential: RegisteredCredentialBody {
                uuid: registered.credential.uuid.to_string(),
                kind,
                credential_kind: kind,
                name: registered.credential.name.to_string(),
            },
            user: RegisteredUserBody {
                id: registered.user.id.to_string(),
                username: registered.user.username.to_string(),
                org_id: registered.user.organization.to_string(),
            },
            authentication: registered.session.map(AuthenticationBody::from),
        }
    }
}

//! Strings that must be a certain domain value.

use std::fmt::Display;

use latchkey_domain::{
    credential::{CredentialKind, CredentialReference, key::EncryptedPrivateKey},
    credential_code::{EnteredCode, ReleaseReason},
    id::{ApplicationId, CredentialUuid, OrganizationId},
    session_code::{CodeChallenge, CodeVerifier, ReturnState, ReturnTo},
    text::{CredentialName, ExternalId, Username},
    user_action::{ActionPath, Method},
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::error::ApiError;

/// A string that was found to be a `T`; otherwise the body is refused, with the path of the member.
pub(crate) struct Text<T>(pub(crate) T);

/// What a string can be.
pub(crate) trait FromText: Sized {
    /// Reads it; the error continues the sentence that the member's name begins.
    fn from_text(text: String) -> Result<Self, String>;
}

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::from_text(text).map(Self).map_err(D::Error::custom)
    }
}

/// The value of a member that must be there. For members that depend on another one: otherwise the
/// shape itself says it.
pub(crate) fn required<T>(value: Option<T>, path: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::invalid_field(path, "is required"))
}

/// The organization a request names by `orgId` or its newer name, `tenantId`.
pub(crate) fn organization(
    organization: Option<Text<OrganizationId>>,
    tenant: Option<Text<OrganizationId>>,
) -> Option<OrganizationId> {
    organization.or(tenant).map(|Text(id)| id)
}

macro_rules! from_text {
    ($($type:ty: $read:expr;)*) => {$(
        impl FromText for $type {
            fn from_text(text: String) -> Result<Self, String> {
                $read(text)
            }
        }
    )*};
}

from_text! {
    OrganizationId: |text: String| text.parse().map_err(reason);
    ApplicationId: |text: String| text.parse().map_err(reason);
    CredentialUuid: |text: String| text.parse().map_err(reason);
    CredentialKind: |text: String| text.parse().map_err(reason);
    CredentialReference: |text: String| Self::parse(&text).map_err(reason);
    ReleaseReason: |text: String| text.parse().map_err(reason);
    Method: |text: String| text.parse().map_err(reason);
    ActionPath: |text: String| Self::parse(text).map_err(reason);
    // Whoever has one that would not be given any more still goes by it.
    Username: |text: String| Self::accepted_before(text).map_err(reason);
    ExternalId: |text: String| Self::new(text).map_err(reason);
    CredentialName: |text: String| Self::new(text).map_err(reason);
    EncryptedPrivateKey: |text: String| Self::new(text).map_err(reason);
    ReturnTo: |text: String| Self::new(&text).map_err(reason);
    ReturnState: |text: String| Self::new(text).map_err(reason);
    CodeChallenge: |text: String| Self::new(&text).map_err(reason);
    CodeVerifier: |text: String| Self::new(text).map_err(reason);
    // Any text is a code: whether it is right is not a question of its form.
    EnteredCode: |text: String| Ok(Self::parse(&text));
}

fn reason(error: impl Display) -> String {
    error.to_string()
}

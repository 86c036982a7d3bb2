//! Credentials: registered public keys with their kind, name, provenance and state.

pub mod key;
pub mod passkey;

use std::{fmt, net::IpAddr, str::FromStr};

use crate::{
    application::Origin,
    credential::{
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::Passkey,
    },
    id::{ApplicationId, CredentialCodeId, CredentialUuid, OrganizationId, TokenId, UserId},
    text::{CredentialName, TextError},
    time::Timestamp,
};

/// The kinds of credentials this service offers (API contract §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A passkey or security key (WebAuthn).
    Fido2,
    /// A raw key pair, for machines and embedded clients.
    Key,
    /// A key pair whose private half, encrypted by the client, is kept for the user.
    PasswordProtectedKey,
    /// A key pair kept for recovery only: it never signs in and never signs actions.
    RecoveryKey,
}

/// Why a text names no kind of credential that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialKindError {
    /// `Password` and `Totp` are deprecated by the API's author and not offered.
    #[error(
        "is deprecated and not offered; use one of Fido2, Key, PasswordProtectedKey, RecoveryKey"
    )]
    Deprecated,
    /// Nothing the API knows.
    #[error("must be one of Fido2, Key, PasswordProtectedKey, RecoveryKey")]
    Unknown,
}

impl CredentialKind {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fido2 => "Fido2",
            Self::Key => "Key",
            Self::PasswordProtectedKey => "PasswordProtectedKey",
            Self::RecoveryKey => "RecoveryKey",
        }
    }

    /// Whether a credential of this kind may sign in and sign actions.
    pub const fn signs_in(self) -> bool {
        match self {
            Self::Fido2 | Self::Key | Self::PasswordProtectedKey => true,
            Self::RecoveryKey => false,
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for CredentialKind {
    type Err = CredentialKindError;

    fn from_str(text: &str) -> Result<Self, CredentialKindError> {
        match text {
            "Fido2" => Ok(Self::Fido2),
            "Key" => Ok(Self::Key),
            "PasswordProtectedKey" => Ok(Self::PasswordProtectedKey),
            "RecoveryKey" => Ok(Self::RecoveryKey),
            "Password" | "Totp" => Err(CredentialKindError::Deprecated),
            _ => Err(CredentialKindError::Unknown),
        }
    }
}

/// The credential id (`credId`): the identifier that the authenticator or client chose. It is given
/// back exactly as it was registered and compared without its base64 padding (API contract §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialId(String);

/// Why a text is not a credential id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialIdError {
    /// Empty, too long or with control characters.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Nothing but padding.
    #[error("must not consist of padding alone")]
    OnlyPadding,
    /// Clients also pass a credential's `cr-…` here, so no chosen id may look like one.
    #[error("must not have the form of a credentialUuid (cr-…)")]
    LooksLikeUuid,
}

impl CredentialId {
    /// The most bytes it can have: base64url of the 1,023 bytes WebAuthn allows (§5.8.3). They are
    /// counted as bytes because databases bound the keys of an index so.
    pub const MAXIMUM: usize = 1_364;

    /// Accepts what a client chose.
    ///
    /// # Errors
    /// [`CredentialIdError`] says what to change.
    pub fn new(text: impl Into<String>) -> Result<Self, CredentialIdError> {
        let text = text.into();
        crate::text::check(&text, Self::MAXIMUM)?;
        if text.len() > Self::MAXIMUM {
            return Err(TextError::TooLong {
                maximum: Self::MAXIMUM,
            }
            .into());
        }
        let id = Self(text);
        if id.key().is_empty() {
            return Err(CredentialIdError::OnlyPadding);
        }
        if id.key().parse::<CredentialUuid>().is_ok() {
            return Err(CredentialIdError::LooksLikeUuid);
        }
        Ok(id)
    }

    /// The id exactly as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The unpadded form, by which ids are compared and unique.
    pub fn key(&self) -> &str {
        self.0.trim_end_matches('=')
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How a client names one of its credentials in an assertion: by the id it chose, or, as published
/// Java signers do, by its `cr-…` (API contract §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialReference {
    /// By the id the client chose.
    Id(CredentialId),
    /// By the id this service gave it.
    Uuid(CredentialUuid),
}

impl CredentialReference {
    /// Reads a reference as a client sends it in `credId`.
    ///
    /// # Errors
    /// [`CredentialIdError`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, CredentialIdError> {
        match text.parse::<CredentialUuid>() {
            Ok(uuid) => Ok(Self::Uuid(uuid)),
            Err(_other) => CredentialId::new(text).map(Self::Id),
        }
    }
}

/// What each kind of credential is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// A passkey.
    Fido2(Passkey),
    /// A raw key pair.
    Key(KeyPair),
    /// A key pair and its private half, encrypted by the client.
    PasswordProtectedKey(KeyPair, EncryptedPrivateKey),
    /// A recovery key pair; its private half may be kept, encrypted by the client.
    RecoveryKey(KeyPair, Option<EncryptedPrivateKey>),
}

impl Material {
    /// The kind it makes a credential.
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Fido2(_) => CredentialKind::Fido2,
            Self::Key(_) => CredentialKind::Key,
            Self::PasswordProtectedKey(..) => CredentialKind::PasswordProtectedKey,
            Self::RecoveryKey(..) => CredentialKind::RecoveryKey,
        }
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        match self {
            Self::Fido2(passkey) => &passkey.public_key,
            Self::Key(pair) | Self::PasswordProtectedKey(pair, _) | Self::RecoveryKey(pair, _) => {
                &pair.public_key
            }
        }
    }

    /// The application a passkey was made for; key pairs belong to none.
    pub const fn application(&self) -> Option<&ApplicationId> {
        match self {
            Self::Fido2(passkey) => Some(&passkey.application),
            Self::Key(_) | Self::PasswordProtectedKey(..) | Self::RecoveryKey(..) => None,
        }
    }

    /// The encrypted private half, if one is kept.
    pub const fn encrypted_private_key(&self) -> Option<&EncryptedPrivateKey> {
        match self {
            Self::PasswordProtectedKey(_, encrypted) => Some(encrypted),
            Self::RecoveryKey(_, encrypted) => encrypted.as_ref(),
            Self::Fido2(_) | Self::Key(_) => None,
        }
    }
}

/// What allowed a credential to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MadeBy {
    /// A registration code.
    Registration,
    /// A session of the user, with a user action signed.
    Credential {
        /// The session.
        session: TokenId,
        /// The credential that signed the user action.
        credential: CredentialUuid,
    },
    /// A credential code.
    Code {
        /// The code.
        code: CredentialCodeId,
        /// The credential whose session issued the code.
        credential: CredentialUuid,
    },
    /// The recovery of the account.
    Recovery {
        /// The recovery key that signed for it, which the recovery deleted.
        credential: CredentialUuid,
    },
}

impl MadeBy {
    /// Its name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Credential { .. } => "credential",
            Self::Code { .. } => "code",
            Self::Recovery { .. } => "recovery",
        }
    }
}

/// How, and from where, a credential was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// What allowed it.
    pub made_by: MadeBy,
    /// The `Origin` of the request that completed it; native clients send none.
    pub origin: Option<Origin>,
    /// The address the request came from.
    pub address: IpAddr,
}

/// Whether a credential proves anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// It does.
    Active,
    /// It does not: its owner has deactivated it.
    Inactive,
    /// It does not yet: its owner has to approve it first.
    Waiting {
        /// From this moment on it is gone.
        until: Timestamp,
    },
}

impl CredentialState {
    /// Whether it is the state of a credential that has waited in vain.
    pub fn is_gone(self, now: Timestamp) -> bool {
        match self {
            Self::Waiting { until } => until <= now,
            Self::Active | Self::Inactive => false,
        }
    }
}

/// One registered public key of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Identifies it for this service.
    pub uuid: CredentialUuid,
    /// The user's organization.
    pub organization: OrganizationId,
    /// Whose it is.
    pub user: UserId,
    /// Identifies it for the authenticator or client; unique in the organization.
    pub id: CredentialId,
    /// What the user calls it.
    pub name: CredentialName,
    /// What it is made of.
    pub material: Material,
    /// How it was made.
    pub provenance: Provenance,
    /// A credential that is not active proves nothing.
    pub state: CredentialState,
    /// When it was made.
    pub created: Timestamp,
    /// When it last signed in or signed an action.
    pub last_used: Option<Timestamp>,
}

impl Credential {
    /// The most credentials a user can have.
    pub const MAXIMUM_PER_USER: usize = 100;

    /// Its kind.
    pub const fn kind(&self) -> CredentialKind {
        self.material.kind()
    }

    /// Who makes authenticators like the one a passkey is kept in, for people to recognise it by.
    pub fn provider(&self) -> Option<&'static str> {
        match &self.material {
            Material::Fido2(passkey) => passkey.aaguid.provider(),
            Material::Key(_) | Material::PasswordProtectedKey(..) | Material::RecoveryKey(..) => {
                None
            }
        }
    }

    /// Whether it proves anything.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, CredentialState::Active)
    }

    /// Whether it has waited in vain: then it counts as deleted, whether or not its row still is there.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.state.is_gone(now)
    }

    /// Whether it can sign in: the last usable credential of a user cannot be removed.
    pub const fn is_usable(&self) -> bool {
        self.is_active() && self.kind().signs_in()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deprecated_kinds_are_told_apart_from_unknown_ones() {
        assert_eq!(
            "Totp".parse::<CredentialKind>(),
            Err(CredentialKindError::Deprecated)
        );
        assert_eq!(
            "Password".parse::<CredentialKind>(),
            Err(CredentialKindError::Deprecated)
        );
        assert_eq!(
            "fido2".parse::<CredentialKind>(),
            Err(CredentialKindError::Unknown)
        );
    }

    #[test]
    fn credential_ids_compare_without_padding_and_come_back_with_it() {
        let id = CredentialId::new("AQ==").unwrap();
        assert_eq!((id.as_str(), id.key()), ("AQ==", "AQ"));
    }

    #[test]
    fn credential_ids_have_bounds() {
        assert!(CredentialId::new("a".repeat(1_364)).is_ok());
        assert!(CredentialId::new("a".repeat(1_365)).is_err());
        assert!(CredentialId::new("字".repeat(455)).is_err());
        assert_eq!(CredentialId::new("=="), Err(CredentialIdError::OnlyPadding));
        assert_eq!(
            CredentialId::new("cr-6b58p-r53sr-rlrd3l5cj3uc4ome"),
            Err(CredentialIdError::LooksLikeUuid)
        );
        assert_eq!(
            CredentialId::new("cr-6b58p-r53sr-rlrd3l5cj3uc4ome="),
            Err(CredentialIdError::LooksLikeUuid)
        );
    }

    #[test]
    fn a_reference_may_be_a_uuid() {
        let uuid = CredentialUuid::from_random(&[1; 32]);
        assert_eq!(
            CredentialReference::parse(uuid.as_str()),
            Ok(CredentialReference::Uuid(uuid))
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = CredentialReference::parse(&text);
            let _ = text.parse::<CredentialKind>();
        }
    }
}

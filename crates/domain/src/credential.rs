//! Credentials: registered public keys with their kind, name, provenance and state.

pub mod key;
pub mod kit_number;
pub mod passkey;
pub mod signer;

use std::{fmt, net::IpAddr, str::FromStr};

use crate::{
    application::Origin,
    credential::{
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::Passkey,
    },
    id::{ApplicationId, CredentialCodeId, CredentialUuid, OrganizationId, TokenId, UserId},
    names::named,
    text::{CredentialName, TextError, misleads},
    time::Timestamp,
};

named! {
    /// The kinds of credentials this service offers (API contract §4.1).
    CredentialKind {
        /// A passkey or security key (WebAuthn).
        Fido2 => "Fido2",
        /// A raw key pair, for machines and embedded clients.
        Key => "Key",
        /// A key pair whose private half, encrypted by the client, is kept for the user.
        PasswordProtectedKey => "PasswordProtectedKey",
        /// A key pair kept for recovery only: it never signs in and never signs actions.
        RecoveryKey => "RecoveryKey",
    }
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
    /// Whether a credential of this kind may sign in and sign actions.
    pub const fn signs_in(self) -> bool {
        match self {
            Self::Fido2 | Self::Key | Self::PasswordProtectedKey => true,
            Self::RecoveryKey => false,
        }
    }
}

impl FromStr for CredentialKind {
    type Err = CredentialKindError;

    fn from_str(text: &str) -> Result<Self, CredentialKindError> {
        match text {
            "Password" | "Totp" => Err(CredentialKindError::Deprecated),
            _ => Self::named(text).ok_or(CredentialKindError::Unknown),
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
    /// Empty, too long, or with control characters or what misleads.
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
        let accepted = Self::accepted_before(text)?;
        if misleads(&accepted.0) {
            return Err(TextError::MisleadingCharacter.into());
        }
        Ok(accepted)
    }

    /// Takes an id that was accepted once, by an earlier version perhaps, which did not refuse what misleads.
    ///
    /// # Errors
    /// [`CredentialIdError`] when no version accepted it.
    pub fn accepted_before(text: impl Into<String>) -> Result<Self, CredentialIdError> {
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
        formatter.write_str(self.as_str())
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
            Err(_other) => CredentialId::accepted_before(text).map(Self::Id),
        }
    }

    /// Whether it names the credential that has these ids.
    pub fn names(&self, id: &CredentialId, uuid: &CredentialUuid) -> bool {
        match self {
            Self::Id(named) => named.key() == id.key(),
            Self::Uuid(named) => named == uuid,
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

    /// The passkey, if it is one.
    pub const fn passkey(&self) -> Option<&Passkey> {
        match self {
            Self::Fido2(passkey) => Some(passkey),
            Self::Key(_) | Self::PasswordProtectedKey(..) | Self::RecoveryKey(..) => None,
        }
    }

    /// The application a passkey was made for; key pairs belong to none.
    pub const fn application(&self) -> Option<&ApplicationId> {
        match self.passkey() {
            Some(passkey) => Some(&passkey.application),
            None => None,
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
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        credential::passkey::Aaguid,
        samples::{NOW, held, key_pair, passkey},
    };

    fn pair() -> KeyPair {
        key_pair(vec![2])
    }

    fn encrypted() -> EncryptedPrivateKey {
        EncryptedPrivateKey::new("encrypted").unwrap()
    }

    /// What each kind is made of; the passkey is kept in an authenticator that is known.
    fn materials() -> [Material; 5] {
        let aaguid = data_encoding::HEXLOWER.decode(b"ea9b8d664d011d213ce4b6b48cb575d4");
        let passkey = Passkey {
            aaguid: Aaguid::new(aaguid.unwrap().try_into().unwrap()),
            ..passkey()
        };
        [
            Material::Fido2(passkey),
            Material::Key(pair()),
            Material::PasswordProtectedKey(pair(), encrypted()),
            Material::RecoveryKey(pair(), None),
            Material::RecoveryKey(pair(), Some(encrypted())),
        ]
    }

    fn credential(material: Material, state: CredentialState) -> Credential {
        Credential {
            state,
            ..held(material)
        }
    }

    #[test]
    fn deprecated_kinds_are_told_apart_from_unknown_ones() {
        for kind in ["Totp", "Password"] {
            let deprecated = Err(CredentialKindError::Deprecated);
            assert_eq!(kind.parse::<CredentialKind>(), deprecated);
        }
    }

    #[test]
    fn each_kind_has_its_key_and_what_belongs_to_it() {
        let (application, encrypted) = (passkey().application, encrypted());
        let expected = [
            (CredentialKind::Fido2, 1, Some(&application), None),
            (CredentialKind::Key, 2, None, None),
            (
                CredentialKind::PasswordProtectedKey,
                2,
                None,
                Some(&encrypted),
            ),
            (CredentialKind::RecoveryKey, 2, None, None),
            (CredentialKind::RecoveryKey, 2, None, Some(&encrypted)),
        ];
        for (material, expected) in materials().iter().zip(expected) {
            let found = (
                material.kind(),
                material.public_key().spki_der()[0],
                material.application(),
                material.encrypted_private_key(),
            );
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn only_an_active_credential_is_usable_and_a_recovery_key_never() {
        let until = NOW;
        for material in materials() {
            let kind = material.kind();
            for (state, is_active) in [
                (CredentialState::Active, true),
                (CredentialState::Inactive, false),
                (CredentialState::Waiting { until }, false),
            ] {
                let credential = credential(material.clone(), state);
                assert_eq!(credential.is_active(), is_active);
                let is_usable = is_active && kind != CredentialKind::RecoveryKey;
                assert_eq!(credential.is_usable(), is_usable, "{kind} {state:?}");
            }
        }
    }

    #[test]
    fn what_waits_is_gone_from_the_moment_its_time_is_over() {
        let until = NOW;
        let earlier = NOW.minus(Duration::from_millis(1));
        for state in [CredentialState::Active, CredentialState::Inactive] {
            assert!(!credential(Material::Key(pair()), state).is_gone(NOW));
        }
        let waiting = credential(Material::Key(pair()), CredentialState::Waiting { until });
        assert!(!waiting.is_gone(earlier) && waiting.is_gone(until));
    }

    #[test]
    fn only_a_passkey_has_a_provider() {
        let providers =
            materials().map(|material| credential(material, CredentialState::Active).provider());
        let google = Some("Google Password Manager");
        assert_eq!(providers, [google, None, None, None, None]);
    }

    #[test]
    fn what_allowed_a_credential_has_a_name() {
        let credential = CredentialUuid::from_random(&[1; 32]);
        let session = TokenId::from_random(&[1; 32]);
        let code = CredentialCodeId::from_random(&[1; 32]);
        let names = [
            MadeBy::Registration,
            MadeBy::Credential {
                session,
                credential: credential.clone(),
            },
            MadeBy::Code {
                code,
                credential: credential.clone(),
            },
            MadeBy::Recovery { credential },
        ]
        .map(|made_by| made_by.as_str());
        assert_eq!(names, ["registration", "credential", "code", "recovery"]);
    }

    #[test]
    fn credential_ids_compare_without_padding_and_come_back_with_it() {
        let id = CredentialId::new("AQ==").unwrap();
        assert_eq!((id.to_string().as_str(), id.key()), ("AQ==", "AQ"));
    }

    #[test]
    fn credential_ids_have_bounds() {
        assert!(CredentialId::new("a".repeat(1_364)).is_ok());
        assert!(CredentialId::new("a".repeat(1_365)).is_err());
        assert!(CredentialId::new("字".repeat(455)).is_err());
        assert_eq!(CredentialId::new("=="), Err(CredentialIdError::OnlyPadding));
        for text in [
            "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
            "cr-6b58p-r53sr-rlrd3l5cj3uc4ome=",
        ] {
            assert_eq!(
                CredentialId::new(text),
                Err(CredentialIdError::LooksLikeUuid)
            );
        }
    }

    #[test]
    fn an_id_that_misleads_is_refused_and_named_when_it_was_kept_before() {
        for text in ["AQ\u{200b}", "\u{3164}"] {
            let misleading = TextError::MisleadingCharacter;
            assert_eq!(CredentialId::new(text), Err(misleading.into()));
            let kept = CredentialId::accepted_before(text).unwrap();
            assert_eq!(
                CredentialReference::parse(text),
                Ok(CredentialReference::Id(kept))
            );
        }
    }

    #[test]
    fn a_reference_may_be_a_uuid() {
        let uuid = CredentialUuid::from_random(&[1; 32]);
        assert_eq!(
            CredentialReference::parse(uuid.as_str()),
            Ok(CredentialReference::Uuid(uuid))
        );
        let id = CredentialId::new("us-6b58p-r53sr-rlrd3l5cj3uc4ome").unwrap();
        let reference = CredentialReference::parse(id.as_str());
        assert_eq!(reference, Ok(CredentialReference::Id(id)));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = CredentialReference::parse(&text);
            let _ = text.parse::<CredentialKind>();
        }
    }
}

//! Values of the domain, as they are kept or come in.

use std::net::{IpAddr, Ipv4Addr};

use latchkey_domain::{
    application::{
        Application, Origin, RelyingParty, RpId, native::NativeApplications, pages::Pages,
    },
    challenge::{Challenge, ChallengeText, purpose::Purpose},
    credential::{
        Credential, CredentialId, CredentialState, MadeBy, Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey, Transports},
    },
    id::{
        ApplicationId, ChallengeId, CredentialUuid, OrganizationId, TokenId, UserActionId, UserId,
    },
    organization::{Approval, CodeSignIn, Freshness, Organization, RequestsFrom},
    session::Session,
    text::{ApplicationName, CredentialName, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
    user_action::{ActionPath, Method, SignedUserAction, UserAction},
};

use crate::extract::signed::payload_digest;

/// 2026-01-01T00:00:00.000Z.
pub(super) const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_767_225_600_000);

/// The one listed origin.
pub(super) const ORIGIN: &str = "https://app.example.com";

pub(super) fn organization() -> OrganizationId {
    OrganizationId::from_random(&[1; 32])
}

/// The organization itself.
pub(super) fn tenant() -> Organization {
    Organization {
        id: organization(),
        name: OrganizationName::new("Acme").unwrap(),
        approval: Approval::Never,
        freshness: Freshness::default(),
        code_sign_in: CodeSignIn::default(),
        requests_from: RequestsFrom::default(),
        is_active: true,
        created: NOW,
    }
}

pub(super) fn application() -> Application {
    Application {
        id: ApplicationId::from_random(&[1; 32]),
        organization: organization(),
        name: ApplicationName::new("Example").unwrap(),
        relying_party: RelyingParty::new(
            RpId::new("example.com").unwrap(),
            vec![Origin::new(ORIGIN).unwrap()],
        )
        .unwrap(),
        native: NativeApplications::default(),
        pages: Pages::default(),
        is_active: true,
        created: NOW,
    }
}

pub(super) fn user() -> User {
    User {
        id: UserId::from_random(&[1; 32]),
        organization: organization(),
        username: Username::new("ada@example.com").unwrap(),
        kind: UserKind::EndUser,
        external_id: None,
        is_administrator: false,
        is_active: true,
        epoch: Epoch::default(),
        registered: None,
        created: NOW,
    }
}

pub(super) fn session() -> Session {
    Session {
        id: TokenId::from_random(&[1; 32]),
        organization: organization(),
        user: user().id,
        username: user().username,
        user_kind: UserKind::EndUser,
        epoch: Epoch::default(),
        credential: CredentialUuid::from_random(&[1; 32]),
        credential_kind: None,
        application: None,
        issued: NOW,
        expires: NOW,
    }
}

pub(super) fn signed(action: UserAction) -> SignedUserAction {
    SignedUserAction {
        id: UserActionId::from_random(&[1; 32]),
        organization: organization(),
        user: user().id,
        epoch: Epoch::default(),
        signers: vec![CredentialUuid::from_random(&[1; 32])],
        action,
        issued: NOW,
        expires: NOW,
    }
}

fn public_key() -> PublicKey {
    PublicKey::from_spki_der(vec![0; 12])
}

fn key_pair(origin: Option<&str>) -> KeyPair {
    KeyPair {
        public_key: public_key(),
        origin: origin.map(str::to_owned),
    }
}

pub(super) fn key() -> Credential {
    credential(1, "a2V5MQ==", Material::Key(key_pair(None)))
}

pub(super) fn passkey() -> Credential {
    let passkey = Passkey {
        public_key: public_key(),
        application: application().id,
        rp_id: RpId::new("example.com").unwrap(),
        origin: Origin::new(ORIGIN).unwrap(),
        aaguid: Aaguid::new([0; 16]),
        sign_count: 0,
        backup_eligible: true,
        backed_up: true,
        transports: Transports::default(),
    };
    credential(2, "cGFzc2tleQ", Material::Fido2(passkey))
}

pub(super) fn protected_key() -> Credential {
    credential(
        3,
        "cHJvdGVjdGVk",
        Material::PasswordProtectedKey(key_pair(Some(ORIGIN)), sealed()),
    )
}

pub(super) fn recovery_key() -> Credential {
    credential(
        4,
        "cmVjb3Zlcnk",
        Material::RecoveryKey(key_pair(None), Some(sealed())),
    )
}

pub(super) fn sealed() -> EncryptedPrivateKey {
    EncryptedPrivateKey::new("sealed").unwrap()
}

fn credential(number: u8, id: &str, material: Material) -> Credential {
    Credential {
        uuid: CredentialUuid::from_random(&[number; 32]),
        organization: organization(),
        user: user().id,
        id: CredentialId::new(id).unwrap(),
        name: CredentialName::new(format!("Credential {number}")).unwrap(),
        material,
        provenance: Provenance {
            made_by: MadeBy::Registration,
            origin: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        },
        state: CredentialState::Active,
        created: NOW,
        last_used: None,
    }
}

pub(super) fn challenge(purpose: impl Into<Purpose>) -> Challenge {
    Challenge {
        id: ChallengeId::from_random(&[1; 32]),
        text: ChallengeText::from_random(&[1; 32]),
        organization: organization(),
        application: None,
        purpose: purpose.into(),
        issued: NOW,
        expires: NOW,
    }
}

pub(super) fn action(method: Method, path: &str, payload: &str) -> UserAction {
    UserAction {
        method,
        path: ActionPath::parse(path).unwrap(),
        payload: payload_digest(payload.as_bytes()).unwrap(),
    }
}

pub(super) fn all_kinds() -> Vec<Credential> {
    vec![key(), passkey(), protected_key(), recovery_key()]
}

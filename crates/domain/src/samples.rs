//! Values that several unit tests begin with. Each identifier is made of another byte.

use crate::{
    application::{Origin, RpId},
    challenge::{
        ActionNonce, Challenge, ChallengeText,
        purpose::{self, Credential, CredentialWithCode, Purpose, Recovery, Registration},
    },
    credential::{
        self, CredentialId, CredentialKind, CredentialState, MadeBy, Material, Provenance,
        key::{KeyPair, PublicKey},
        passkey::{Aaguid, Passkey, Transports},
    },
    id::{
        AccountCodeId, ApplicationId, ChallengeId, CredentialCodeId, CredentialUuid,
        OrganizationId, TokenId, UserActionId, UserId,
    },
    session::Session,
    text::{CredentialName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
    user_action::{ActionPath, Method, PayloadDigest, SignedUserAction, UserAction},
};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_000_000);
pub(crate) const EPOCH: Epoch = Epoch::new(7);

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::from_random(&[1; 32])
}

pub(crate) fn user() -> UserId {
    UserId::from_random(&[2; 32])
}

/// The user, who is active.
pub(crate) fn owner() -> User {
    User {
        id: user(),
        organization: organization(),
        username: Username::new("ada@example.com").unwrap(),
        kind: UserKind::EndUser,
        external_id: None,
        is_administrator: false,
        is_active: true,
        epoch: EPOCH,
        registered: Some(NOW),
        created: NOW,
    }
}

/// The credential that signed in, or issued the code, or recovers.
pub(crate) fn credential() -> CredentialUuid {
    CredentialUuid::from_random(&[3; 32])
}

pub(crate) fn key_pair(spki_der: Vec<u8>) -> KeyPair {
    KeyPair {
        public_key: PublicKey::from_spki_der(spki_der),
        origin: None,
    }
}

pub(crate) fn passkey() -> Passkey {
    Passkey {
        public_key: PublicKey::from_spki_der(vec![1]),
        application: ApplicationId::from_random(&[10; 32]),
        rp_id: RpId::new("example.com").unwrap(),
        origin: Origin::new("https://example.com").unwrap(),
        aaguid: Aaguid::new([0; 16]),
        sign_count: 0,
        backup_eligible: true,
        backed_up: true,
        transports: Transports::default(),
    }
}

/// The [credential] of that id, made of this.
pub(crate) fn held(material: Material) -> credential::Credential {
    credential::Credential {
        uuid: credential(),
        organization: organization(),
        user: user(),
        id: CredentialId::new("id").unwrap(),
        name: CredentialName::default_credential(),
        material,
        provenance: Provenance {
            made_by: MadeBy::Registration,
            origin: None,
            address: [127, 0, 0, 1].into(),
        },
        state: CredentialState::Active,
        created: NOW,
        last_used: None,
    }
}

pub(crate) fn session() -> Session {
    Session {
        id: TokenId::from_random(&[4; 32]),
        organization: organization(),
        user: user(),
        username: Username::new("ada@example.com").unwrap(),
        user_kind: UserKind::EndUser,
        epoch: EPOCH,
        credential: credential(),
        credential_kind: None,
        application: None,
        issued: NOW,
        expires: Timestamp::from_unix_milliseconds(2_000_000),
    }
}

pub(crate) fn action(path: &str) -> UserAction {
    UserAction {
        method: Method::Post,
        path: ActionPath::parse(path).unwrap(),
        payload: PayloadDigest::new([0; 32]),
    }
}

pub(crate) fn signed_action(signer: CredentialUuid) -> SignedUserAction {
    SignedUserAction {
        id: UserActionId::from_random(&[5; 32]),
        organization: organization(),
        user: user(),
        epoch: EPOCH,
        signers: vec![signer],
        action: action("/a"),
        issued: Timestamp::from_unix_milliseconds(1_200_000),
        expires: Timestamp::from_unix_milliseconds(3_000_000),
    }
}

pub(crate) fn application() -> ApplicationId {
    ApplicationId::from_random(&[7; 32])
}

/// A challenge of one application.
pub(crate) fn challenge<P>(purpose: P) -> Challenge<P> {
    Challenge {
        id: ChallengeId::from_random(&[6; 32]),
        text: ChallengeText::from_random(&[6; 32]),
        organization: organization(),
        application: Some(application()),
        purpose,
        issued: Timestamp::from_unix_milliseconds(1_100_000),
        expires: Timestamp::from_unix_milliseconds(4_000_000),
    }
}

pub(crate) fn code() -> CredentialCodeId {
    CredentialCodeId::from_random(&[8; 32])
}

pub(crate) fn registration() -> Registration {
    Registration {
        user: user(),
        epoch: EPOCH,
        code: AccountCodeId::from_random(&[9; 32]),
    }
}

pub(crate) fn signing() -> purpose::UserAction {
    purpose::UserAction {
        user: user(),
        epoch: EPOCH,
        session_credential: credential(),
        action: action("/a"),
        nonce: ActionNonce::new([1; 16]),
        signer: None,
    }
}

pub(crate) fn adding() -> Credential {
    Credential {
        user: user(),
        epoch: EPOCH,
        session: session().id,
        session_credential: credential(),
        kind: CredentialKind::Key,
    }
}

pub(crate) fn with_code() -> CredentialWithCode {
    CredentialWithCode {
        user: user(),
        epoch: EPOCH,
        code: code(),
        issuer: credential(),
        kind: CredentialKind::Key,
        name: None,
    }
}

pub(crate) fn recovery() -> Recovery {
    Recovery {
        user: user(),
        epoch: EPOCH,
        credential: credential(),
    }
}

/// One of each purpose that names its user.
pub(crate) fn purposes() -> [Purpose; 5] {
    [
        registration().into(),
        signing().into(),
        adding().into(),
        with_code().into(),
        recovery().into(),
    ]
}

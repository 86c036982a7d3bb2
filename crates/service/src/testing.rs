//! A small world for the unit tests of use cases: a still clock, counted entropy, tokens that are kept
//! in a map, and a directory of two organizations.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind},
    application::{
        Application, Origin, RelyingParty, RpId,
        native::NativeApplications,
        pages::{PagePrefix, Pages},
    },
    approval::ApprovalTicket,
    challenge::{Challenge, ChallengeText, purpose::Purpose},
    credential::{
        Credential, CredentialId, CredentialReference, CredentialState, MadeBy, Material,
        Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey, Transports},
        signer::ListedSigner,
    },
    id::{
        AccountCodeId, ApplicationId, ChallengeId, CredentialUuid, OrganizationId, TokenId,
        UserActionId, UserId,
    },
    message::{NewMessage, SealedText},
    organization::{Approval, CodeSignIn, Freshness, Organization, RequestsFrom},
    policy::{Limits, Policy},
    session::Session,
    session_code::SessionCode,
    text::{ApplicationName, CredentialName, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
    user_action::{ActionPath, Method, PayloadDigest, SignedUserAction, UserAction},
};

use crate::{
    ceremony::{Ceremonies, NewCredential},
    directory::{Caller, Directory},
    events::{Event, Events, LeftEvents, Reason},
    first_credentials::FirstCredential,
    messages::Messages,
    ports::{
        account_code_store::HeldAccountCode,
        account_store::Account,
        clock::{Clock, MockClock},
        directory_store::{DirectoryEntries, MockDirectoryStore},
        entropy::{Entropy, MockEntropy},
        event_store::MockEventStore,
        mailer::{MessageContent, MockMailer},
        observer::Observer,
        proof_verifier::{AssertionProof, CreationProof, MockProofVerifier, Offered, Used},
        sealer::MockSealer,
        tokens::{InvalidToken, Tokens},
    },
    throttle::Throttle,
    user_actions::SignedRequest,
};
use zeroize::Zeroizing;

pub(crate) const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_700_000_000_000);

pub(crate) fn organization(number: u8) -> OrganizationId {
    OrganizationId::from_random(&[number; 32])
}

/// The organization of that number; places may ask users of the first one for codes.
pub(crate) fn tenant(number: u8) -> Organization {
    Organization {
        id: organization(number),
        name: OrganizationName::new(format!("Organization {number}")).unwrap(),
        approval: Approval::Never,
        freshness: Freshness::default(),
        code_sign_in: CodeSignIn::default(),
        requests_from: match number {
            1 => RequestsFrom::SameNetwork,
            _ => RequestsFrom::Nowhere,
        },
        is_active: true,
        created: NOW,
    }
}

pub(crate) fn uuid(number: u8) -> CredentialUuid {
    CredentialUuid::from_random(&[number; 32])
}

/// An application `https://<name>.example` of that organization.
pub(crate) fn application(name: &str, owner: u8) -> Application {
    let host = format!("{name}.example");
    let number = name.bytes().fold(owner, u8::wrapping_add);
    Application {
        id: ApplicationId::from_random(&[number; 32]),
        organization: organization(owner),
        name: ApplicationName::new(name).unwrap(),
        relying_party: RelyingParty::new(
            RpId::new(host.clone()).unwrap(),
            vec![Origin::new(format!("https://{host}")).unwrap()],
        )
        .unwrap(),
        native: NativeApplications::default(),
        pages: Pages::default(),
        is_active: true,
        created: NOW,
    }
}

/// Two organizations: the first with applications one and two, the second with other.
pub(crate) fn entries() -> DirectoryEntries {
    DirectoryEntries {
        organizations: vec![tenant(1), tenant(2)],
        applications: vec![
            application("one", 1),
            application("two", 1),
            application("other", 2),
        ],
    }
}

pub(crate) fn caller(origin: Option<&str>) -> Caller {
    Caller {
        origin: origin.map(str::to_owned),
        application: None,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

pub(crate) fn user(number: u8) -> User {
    User {
        id: UserId::from_random(&[number; 32]),
        organization: organization(1),
        username: Username::new(format!("user{number}@example.com")).unwrap(),
        kind: UserKind::EndUser,
        external_id: None,
        is_administrator: false,
        is_active: true,
        epoch: Epoch::new(4),
        registered: Some(NOW),
        created: NOW,
    }
}

/// An account code that was issued at [`NOW`].
pub(crate) fn account_code(
    user: User,
    kind: AccountCodeKind,
    expires: Timestamp,
) -> HeldAccountCode {
    let code = AccountCode {
        id: AccountCodeId::from_random(&[6; 32]),
        user: user.id.clone(),
        epoch: user.epoch,
        kind,
        issued: NOW,
        expires,
    };
    HeldAccountCode { code, user }
}

pub(crate) fn key() -> Material {
    Material::Key(key_pair())
}

pub(crate) fn protected_key() -> Material {
    Material::PasswordProtectedKey(key_pair(), EncryptedPrivateKey::new("encrypted").unwrap())
}

pub(crate) fn recovery_key() -> Material {
    Material::RecoveryKey(key_pair(), None)
}

fn key_pair() -> KeyPair {
    KeyPair {
        public_key: PublicKey::from_spki_der(vec![1]),
        origin: None,
    }
}

pub(crate) fn passkey(of: &Application) -> Material {
    Material::Fido2(Passkey {
        public_key: PublicKey::from_spki_der(vec![2]),
        application: of.id.clone(),
        rp_id: of.relying_party.rp_id().clone(),
        origin: of.relying_party.origins()[0].clone(),
        aaguid: Aaguid::new([0; 16]),
        sign_count: 0,
        backup_eligible: false,
        backed_up: false,
        transports: Transports::default(),
    })
}

pub(crate) fn credential(number: u8, owner: &User, material: Material) -> Credential {
    Credential {
        uuid: uuid(number),
        organization: owner.organization.clone(),
        user: owner.id.clone(),
        id: CredentialId::new(format!("credential-{number}")).unwrap(),
        name: CredentialName::new("name").unwrap(),
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

pub(crate) fn account(number: u8, materials: Vec<Material>) -> Account {
    let user = user(number);
    let credentials = materials
        .into_iter()
        .zip(1..)
        .map(|(material, number)| credential(number, &user, material))
        .collect();
    Account { user, credentials }
}

/// What the user of that account can sign with.
pub(crate) fn signers(account: &Account) -> Vec<ListedSigner> {
    let credentials = account.credentials.iter();
    credentials.filter_map(ListedSigner::of).collect()
}

pub(crate) fn session(of: &User) -> Session {
    Session {
        id: TokenId::from_random(&[8; 32]),
        organization: of.organization.clone(),
        user: of.id.clone(),
        username: of.username.clone(),
        user_kind: of.kind,
        epoch: of.epoch,
        credential: uuid(1),
        credential_kind: None,
        application: None,
        issued: NOW,
        expires: Timestamp::from_unix_milliseconds(i64::MAX),
    }
}

pub(crate) fn action(path: &str) -> UserAction {
    UserAction {
        method: Method::Post,
        path: ActionPath::parse(path).unwrap(),
        payload: PayloadDigest::new([0; 32]),
    }
}

pub(crate) fn signed_request(of: &User) -> SignedRequest {
    let session = session(of);
    let action = SignedUserAction {
        id: UserActionId::from_random(&[9; 32]),
        organization: session.organization.clone(),
        user: session.user.clone(),
        epoch: session.epoch,
        signers: vec![uuid(2)],
        action: action("/signed"),
        issued: NOW,
        expires: session.expires,
    };
    SignedRequest {
        session,
        action,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

pub(crate) fn creation(offered: Offered) -> CreationProof {
    CreationProof {
        credential_id: CredentialId::new("new").unwrap(),
        client_data: vec![],
        attestation_data: vec![],
        offered,
    }
}

pub(crate) fn new_credential(offered: Offered) -> NewCredential {
    NewCredential {
        name: CredentialName::new("New").unwrap(),
        proof: creation(offered),
    }
}

pub(crate) fn unnamed(offered: Offered) -> FirstCredential {
    FirstCredential {
        name: None,
        proof: creation(offered),
    }
}

pub(crate) fn assertion(id: &str) -> AssertionProof {
    AssertionProof {
        credential: CredentialReference::Id(CredentialId::new(id).unwrap()),
        client_data: vec![],
        signature: vec![],
        used: Used::Key { algorithm: None },
    }
}

pub(crate) fn challenge(purpose: impl Into<Purpose>) -> Challenge {
    Challenge {
        id: ChallengeId::from_random(&[7; 32]),
        text: ChallengeText::from_random(&[7; 32]),
        organization: organization(1),
        application: None,
        purpose: purpose.into(),
        issued: NOW,
        expires: Timestamp::from_unix_milliseconds(i64::MAX),
    }
}

/// Tokens that are kept, not signed: each one is named after its kind and number.
#[derive(Default)]
pub(crate) struct KeptTokens {
    challenges: Mutex<HashMap<String, Challenge>>,
    sessions: Mutex<HashMap<String, Session>>,
    actions: Mutex<HashMap<String, SignedUserAction>>,
    approvals: Mutex<HashMap<String, ApprovalTicket>>,
    session_codes: Mutex<HashMap<String, SessionCode>>,
}

fn keep<T: Clone>(kept: &Mutex<HashMap<String, T>>, name: &str, value: &T) -> String {
    let mut kept = kept.lock().unwrap();
    let token = format!("{name}-{}", kept.len());
    kept.insert(token.clone(), value.clone());
    token
}

fn find<T: Clone>(kept: &Mutex<HashMap<String, T>>, token: &str) -> Result<T, InvalidToken> {
    kept.lock().unwrap().get(token).cloned().ok_or(InvalidToken)
}

impl Tokens for KeptTokens {
    fn sign_challenge(&self, challenge: &Challenge) -> String {
        keep(&self.challenges, "challenge", challenge)
    }

    fn read_challenge(&self, token: &str, _now: Timestamp) -> Result<Challenge, InvalidToken> {
        find(&self.challenges, token)
    }

    fn sign_session(&self, session: &Session) -> String {
        keep(&self.sessions, "session", session)
    }

    fn read_session(&self, token: &str, _now: Timestamp) -> Result<Session, InvalidToken> {
        find(&self.sessions, token)
    }

    fn sign_user_action(&self, action: &SignedUserAction) -> String {
        keep(&self.actions, "action", action)
    }

    fn read_user_action(
        &self,
        token: &str,
        _now: Timestamp,
    ) -> Result<SignedUserAction, InvalidToken> {
        find(&self.actions, token)
    }

    fn sign_approval(&self, ticket: &ApprovalTicket, _now: Timestamp) -> String {
        keep(&self.approvals, "approval", ticket)
    }

    fn read_approval(&self, token: &str, _now: Timestamp) -> Result<ApprovalTicket, InvalidToken> {
        find(&self.approvals, token)
    }

    fn seal_session_code(&self, code: &SessionCode) -> String {
        keep(&self.session_codes, "session-code", code)
    }

    fn open_session_code(&self, code: &str, _now: Timestamp) -> Result<SessionCode, InvalidToken> {
        find(&self.session_codes, code)
    }

    fn jwks(&self) -> String {
        String::new()
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().return_const(NOW);
    Arc::new(clock)
}

/// Hears events, for cases to look at.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(Event, Option<Reason>)>>);

impl Heard {
    /// What it has heard since the last time.
    pub(crate) fn take(&self) -> Vec<(Event, Option<Reason>)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Heard {
    fn observe(&self, event: Event, refused: Option<Reason>) {
        self.0.lock().unwrap().push((event, refused));
    }
}

/// Events, and who hears them.
pub(crate) fn events() -> (Events, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    (Events(heard.clone()), heard)
}

/// Entropy that is counted.
pub(crate) fn entropy() -> Arc<dyn Entropy> {
    let drawn = AtomicU8::new(100);
    let mut entropy = MockEntropy::new();
    entropy
        .expect_draw()
        .returning(move || [drawn.fetch_add(1, Ordering::Relaxed); 32]);
    Arc::new(entropy)
}

/// Events that are left, and that nobody takes.
pub(crate) fn left_events() -> LeftEvents {
    let mut store = MockEventStore::new();
    store.expect_leave().returning(|_left| Ok(()));
    LeftEvents::of(clock(), entropy(), Arc::new(store))
}

/// Ceremonies whose verifier is the given mock.
pub(crate) fn ceremonies(verifier: MockProofVerifier) -> Ceremonies {
    Ceremonies {
        clock: clock(),
        entropy: entropy(),
        tokens: Arc::new(KeptTokens::default()),
        verifier: Arc::new(verifier),
        directory: Arc::new(directory()),
        messages: Arc::new(messages()),
        events: Events::default(),
        policy: Policy::default(),
    }
}

fn directory() -> Directory {
    directory_of(entries())
}

/// A directory of these.
pub(crate) fn directory_of(entries: DirectoryEntries) -> Directory {
    let mut store = MockDirectoryStore::new();
    store.expect_load().returning(move || Ok(entries.clone()));
    Directory::new(Arc::new(store), clock())
}

/// Messages that are kept as they are, so that a case can read them with [`told`].
pub(crate) fn messages() -> Messages {
    let mut entropy = MockEntropy::new();
    entropy.expect_draw().return_const([50; 32]);
    let mut sealer = MockSealer::new();
    sealer
        .expect_seal()
        .returning(|_message, text| SealedText::new(text.to_vec()));
    sealer
        .expect_open()
        .returning(|_message, sealed| Ok(Zeroizing::new(sealed.as_bytes().to_vec())));
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(true);
    Messages {
        clock: clock(),
        entropy: Arc::new(entropy),
        sealer: Arc::new(sealer),
        mailer: Arc::new(mailer),
        directory: Arc::new(directory()),
        pages: Some(PagePrefix::default()),
    }
}

/// What a message of [`messages`] says.
pub(crate) fn told(message: &NewMessage) -> MessageContent {
    messages().open(&message.id, &message.sealed).unwrap()
}

pub(crate) fn throttle() -> Arc<Throttle> {
    Arc::new(Throttle::new(Limits::default(), clock()))
}

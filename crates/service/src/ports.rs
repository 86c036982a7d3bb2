//! Ports: what the use cases need from the world, one trait per need.
//!
//! Every document of a method is a contract: what must hold, which conflicts there are, and what is
//! promised when several callers, on several replicas, come at once. One method is one atomic business
//! operation: it happens wholly or not at all. The one exception is
//! [`delete_expired`](housekeeping_store::HousekeepingStore::delete_expired), which nobody waits for.
//!
//! [`Ports`] holds an adapter behind every one of them; that value is all the use cases are made from. To
//! bring an adapter of your own, put it into its field.

pub mod clock;
pub mod code_digester;
pub mod entropy;
pub mod locator;
pub mod mailer;
pub mod observer;
pub mod proof_verifier;
pub mod sealer;
pub mod tokens;

pub mod store;

pub mod account_code_store;
pub mod account_store;
pub mod administration_store;
pub mod code_request_store;
pub mod credential_code_store;
pub mod credential_store;
pub mod directory_store;
pub mod event_store;
pub mod housekeeping_store;
pub mod installation_store;
pub mod message_store;
pub mod recovery_store;
pub mod registration_store;
pub mod session_store;
pub mod sign_in_store;
pub mod user_store;

use std::sync::Arc;

use self::{
    account_code_store::AccountCodeStore,
    account_store::AccountStore,
    administration_store::AdministrationStore,
    clock::Clock,
    code_digester::CodeDigester,
    code_request_store::CodeRequestStore,
    credential_code_store::CredentialCodeStore,
    credential_store::CredentialStore,
    directory_store::DirectoryStore,
    entropy::Entropy,
    event_store::EventStore,
    housekeeping_store::HousekeepingStore,
    installation_store::{Installation, InstallationStore},
    locator::Locator,
    mailer::Mailer,
    message_store::MessageStore,
    observer::Observer,
    proof_verifier::ProofVerifier,
    recovery_store::RecoveryStore,
    registration_store::RegistrationStore,
    sealer::Sealer,
    session_store::SessionStore,
    sign_in_store::SignInStore,
    tokens::Tokens,
    user_store::UserStore,
};

/// An adapter behind every port, and the installation that they are made for.
#[derive(Clone)]
pub struct Ports {
    /// Which installation it is, and with which secrets the adapters work. The database may take others, and
    /// then nothing is done any more, see [`Housekeeping`](crate::housekeeping::Housekeeping).
    pub installation: Installation,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Signs tokens and reads them.
    pub tokens: Arc<dyn Tokens>,
    /// Verifies proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// Digests codes.
    pub digester: Arc<dyn CodeDigester>,
    /// Keeps the database from telling what messages say.
    pub sealer: Arc<dyn Sealer>,
    /// Delivers messages.
    pub mailer: Arc<dyn Mailer>,
    /// Hears of security events.
    pub observer: Arc<dyn Observer>,
    /// Tells roughly where an address is.
    pub locator: Arc<dyn Locator>,
    /// Keeps everything that is kept.
    pub stores: Stores,
}

/// An adapter behind every port of a store; one store usually has them all, see [`Stores::of`].
#[derive(Clone)]
pub struct Stores {
    /// Organizations and applications.
    pub directory: Arc<dyn DirectoryStore>,
    /// Users with their credentials, to be read.
    pub accounts: Arc<dyn AccountStore>,
    /// Codes that are mailed to users.
    pub account_codes: Arc<dyn AccountCodeStore>,
    /// First credentials.
    pub registrations: Arc<dyn RegistrationStore>,
    /// Recovered accounts.
    pub recoveries: Arc<dyn RecoveryStore>,
    /// Uses of credentials.
    pub sign_ins: Arc<dyn SignInStore>,
    /// Sessions that have ended.
    pub sessions: Arc<dyn SessionStore>,
    /// Credentials, to be changed.
    pub credentials: Arc<dyn CredentialStore>,
    /// Codes that make credentials.
    pub credential_codes: Arc<dyn CredentialCodeStore>,
    /// Requests for such codes.
    pub code_requests: Arc<dyn CodeRequestStore>,
    /// Users, as administrators manage them.
    pub users: Arc<dyn UserStore>,
    /// What only the command line changes.
    pub administration: Arc<dyn AdministrationStore>,
    /// Messages that wait to be sent.
    pub messages: Arc<dyn MessageStore>,
    /// Security events that wait to be told.
    pub events: Arc<dyn EventStore>,
    /// What has expired.
    pub housekeeping: Arc<dyn HousekeepingStore>,
    /// Which installation it is.
    pub installation: Arc<dyn InstallationStore>,
}

impl Stores {
    /// One store behind all of them.
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: DirectoryStore
            + AccountStore
            + AccountCodeStore
            + RegistrationStore
            + RecoveryStore
            + SignInStore
            + SessionStore
            + CredentialStore
            + CredentialCodeStore
            + CodeRequestStore
            + UserStore
            + AdministrationStore
            + MessageStore
            + EventStore
            + HousekeepingStore
            + InstallationStore
            + 'static,
    {
        Self {
            directory: store.clone(),
            accounts: store.clone(),
            account_codes: store.clone(),
            registrations: store.clone(),
            recoveries: store.clone(),
            sign_ins: store.clone(),
            sessions: store.clone(),
            credentials: store.clone(),
            credential_codes: store.clone(),
            code_requests: store.clone(),
            users: store.clone(),
            administration: store.clone(),
            messages: store.clone(),
            events: store.clone(),
            housekeeping: store.clone(),
            installation: store,
        }
    }
}

#[cfg(any(test, feature = "mocks"))]
impl Ports {
    /// A mock behind every port, which expects nothing: for cases to put their own in the place of some. Nobody
    /// hears of events, or knows where an address is; messages would be sent.
    pub fn mocks() -> Self {
        let mut mailer = mailer::MockMailer::new();
        mailer.expect_sends().return_const(true);
        Self {
            installation: Installation {
                id: latchkey_domain::id::InstallationId::from_random(&[1; 32]),
                secrets_fingerprint: "fingerprint".to_owned(),
            },
            clock: Arc::new(clock::MockClock::new()),
            entropy: Arc::new(entropy::MockEntropy::new()),
            tokens: Arc::new(tokens::MockTokens::new()),
            verifier: Arc::new(proof_verifier::MockProofVerifier::new()),
            digester: Arc::new(code_digester::MockCodeDigester::new()),
            sealer: Arc::new(sealer::MockSealer::new()),
            mailer: Arc::new(mailer),
            observer: Arc::new(observer::Unobserved),
            locator: Arc::new(locator::Unlocated),
            stores: Stores::mocks(),
        }
    }
}

#[cfg(any(test, feature = "mocks"))]
impl Stores {
    /// A mock behind every port of a store, which expects nothing.
    pub fn mocks() -> Self {
        Self {
            directory: Arc::new(directory_store::MockDirectoryStore::new()),
            accounts: Arc::new(account_store::MockAccountStore::new()),
            account_codes: Arc::new(account_code_store::MockAccountCodeStore::new()),
            registrations: Arc::new(registration_store::MockRegistrationStore::new()),
            recoveries: Arc::new(recovery_store::MockRecoveryStore::new()),
            sign_ins: Arc::new(sign_in_store::MockSignInStore::new()),
            sessions: Arc::new(session_store::MockSessionStore::new()),
            credentials: Arc::new(credential_store::MockCredentialStore::new()),
            credential_codes: Arc::new(credential_code_store::MockCredentialCodeStore::new()),
            code_requests: Arc::new(code_request_store::MockCodeRequestStore::new()),
            users: Arc::new(user_store::MockUserStore::new()),
            administration: Arc::new(administration_store::MockAdministrationStore::new()),
            messages: Arc::new(message_store::MockMessageStore::new()),
            events: Arc::new(event_store::MockEventStore::new()),
            housekeeping: Arc::new(housekeeping_store::MockHousekeepingStore::new()),
            installation: Arc::new(installation_store::MockInstallationStore::new()),
        }
    }
}

//! What handlers and extractors reach.

use std::sync::Arc;

use ipnet::IpNet;
use latchkey_service::{
    approvals::Approvals,
    credential_codes::CredentialCodes,
    credentials::Credentials,
    directory::Directory,
    login::Logins,
    mailed_codes::MailedCodes,
    ports::{entropy::Entropy, installation_store::InstallationStore, tokens::Tokens},
    recovery::Recoveries,
    registration::Registrations,
    sessions::Sessions,
    user_actions::UserActions,
    users::Users,
};

/// How requests are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where clients reach the service, without a slash at the end; the API description names it.
    pub public_url: String,
    /// Whether pages are served on the applications' hosts.
    pub has_pages: bool,
}

/// The use cases that the API offers, and the few ports it needs itself.
pub struct Services {
    /// Which origins there are.
    pub directory: Arc<Directory>,
    /// Registration of users.
    pub registrations: Arc<Registrations>,
    /// Recovery of accounts.
    pub recoveries: Arc<Recoveries>,
    /// Signing in.
    pub logins: Arc<Logins>,
    /// Mailing codes.
    pub mailed_codes: Arc<MailedCodes>,
    /// Checking and ending sessions.
    pub sessions: Arc<Sessions>,
    /// Signing and checking user actions.
    pub user_actions: Arc<UserActions>,
    /// Managing credentials.
    pub credentials: Arc<Credentials>,
    /// Create Credential With Code.
    pub credential_codes: Arc<CredentialCodes>,
    /// Deciding about credentials that wait.
    pub approvals: Arc<Approvals>,
    /// Managing users.
    pub users: Arc<Users>,
    /// Publishes the public keys.
    pub tokens: Arc<dyn Tokens>,
    /// Answers whether the database does.
    pub installation: Arc<dyn InstallationStore>,
    /// Draws request ids.
    pub entropy: Arc<dyn Entropy>,
}

/// What handlers and extractors reach; cloned for every request.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) services: Arc<Services>,
    pub(crate) settings: Arc<HttpSettings>,
    /// The API description as it is served.
    pub(crate) description: Arc<str>,
}

//! The composition root: all use cases, made from all ports.

use std::sync::Arc;

use latchkey_domain::{application::pages::PagePrefix, id::InstallationId, policy::Policy};

use crate::{
    administration::Administration,
    approvals::Approvals,
    ceremony::Ceremonies,
    code_requests::CodeRequests,
    credential_codes::CredentialCodes,
    credentials::Credentials,
    directory::Directory,
    events::{Events, LeftEvents},
    factors::Factors,
    housekeeping::Housekeeping,
    login::Logins,
    mailed_codes::{MailedCodes, Queue},
    messages::Messages,
    outbox::{Outbox, Recipients, Trouble, Turn},
    ports::{
        Ports, Stores, code_digester::CodeDigester, entropy::Entropy, locator::Locator,
        tokens::Tokens,
    },
    readiness::Readiness,
    recovery::Recoveries,
    registration::Registrations,
    session_codes::SessionCodes,
    sessions::Sessions,
    throttle::Throttle,
    user_actions::UserActions,
    users::Users,
};

/// What an installation decides about the use cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Lifetimes and limits.
    pub policy: Policy,
    /// Below which path the pages are served that links in messages lead to, if they are.
    pub pages: Option<PagePrefix>,
}

/// All use cases, and the few ports that whoever offers them needs itself. An adapter takes this value,
/// and [`work`](Self::work) must run beside it. What is counted against guessing, and the codes that are
/// still to be mailed, are in it: a process makes one value and shares it.
pub struct UseCases {
    /// Which installation it is: who issues all tokens, and whom they are for.
    pub installation: InstallationId,
    /// Which organizations and applications there are.
    pub directory: Arc<Directory>,
    /// Registration of users.
    pub registrations: Registrations,
    /// Recovery of accounts.
    pub recoveries: Recoveries,
    /// Signing in.
    pub logins: Logins,
    /// Mailing codes.
    pub mailed_codes: MailedCodes,
    /// Checking and ending sessions.
    pub sessions: Sessions,
    /// Handing sessions over.
    pub session_codes: SessionCodes,
    /// Signing and checking user actions.
    pub user_actions: UserActions,
    /// Managing credentials.
    pub credentials: Credentials,
    /// Create Credential With Code.
    pub credential_codes: CredentialCodes,
    /// The same the other way round: a new place asks for the code.
    pub code_requests: CodeRequests,
    /// Deciding about credentials that wait.
    pub approvals: Approvals,
    /// Managing users.
    pub users: Users,
    /// What the command line offers.
    pub administration: Administration,
    /// Removing what has expired.
    pub housekeeping: Housekeeping,
    /// Sending what waits.
    pub outbox: Outbox,
    /// Telling security events that commands left.
    pub left_events: LeftEvents,
    /// Publishes the public keys.
    pub tokens: Arc<dyn Tokens>,
    /// Answers whether changes can be made.
    pub readiness: Readiness,
    /// What is counted against guessing; its limits may change while the service runs.
    pub throttle: Arc<Throttle>,
    /// Draws request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Tells roughly where an address is that somebody is shown.
    pub locator: Arc<dyn Locator>,
    /// What the installation decides.
    pub settings: ServiceSettings,
}

impl UseCases {
    /// Makes them all.
    pub fn new(ports: Ports, settings: ServiceSettings) -> Self {
        let ceremonies = ceremonies(&ports, &settings);
        let Ports {
            clock,
            digester,
            stores,
            installation,
            ..
        } = ports;
        let throttle = Arc::new(Throttle::new(settings.policy.limits.clone(), clock.clone()));
        let factors = factors(&ceremonies, &stores);
        let left_events = LeftEvents {
            clock: clock.clone(),
            entropy: ports.entropy.clone(),
            store: stores.events.clone(),
            events: ceremonies.events.clone(),
        };
        let administration = administration(&ceremonies, &digester, &stores, &left_events);
        let session_codes = session_codes(&ceremonies, &stores, &throttle);
        let approvals = approvals(&ceremonies, &digester, &stores);
        let code_requests = code_requests(&ceremonies, &digester, &stores, &throttle);
        Self {
            installation: installation.id.clone(),
            directory: ceremonies.directory.clone(),
            registrations: registrations(&ceremonies, &digester, &stores, &throttle),
            recoveries: recoveries(&ceremonies, &digester, &stores, &throttle),
            logins: Logins {
                factors: factors.clone(),
                store: stores.sign_ins.clone(),
                digester: digester.clone(),
                codes: stores.account_codes.clone(),
                throttle: throttle.clone(),
            },
            mailed_codes: MailedCodes {
                ceremonies: ceremonies.clone(),
                throttle: throttle.clone(),
                digester: digester.clone(),
                accounts: stores.accounts.clone(),
                codes: stores.account_codes,
                mailer: ports.mailer.clone(),
                queue: Queue::default(),
            },
            sessions: Sessions {
                clock: clock.clone(),
                events: ceremonies.events.clone(),
                tokens: ports.tokens.clone(),
                store: stores.sessions.clone(),
            },
            session_codes,
            user_actions: UserActions {
                factors,
                store: stores.sign_ins,
                spent: stores.sessions,
                throttle: throttle.clone(),
            },
            credentials: Credentials {
                ceremonies: ceremonies.clone(),
                accounts: stores.accounts.clone(),
                store: stores.credentials,
            },
            credential_codes: CredentialCodes {
                ceremonies: ceremonies.clone(),
                digester: digester.clone(),
                accounts: stores.accounts.clone(),
                store: stores.credential_codes.clone(),
                throttle: throttle.clone(),
            },
            code_requests,
            approvals,
            users: Users {
                ceremonies: ceremonies.clone(),
                digester,
                store: stores.users,
            },
            administration,
            housekeeping: Housekeeping {
                clock: clock.clone(),
                store: stores.housekeeping,
                installations: stores.installation.clone(),
                own: installation,
            },
            outbox: Outbox {
                clock: clock.clone(),
                store: stores.messages,
                messages: ceremonies.messages,
                mailer: ports.mailer,
                events: left_events.clone(),
                trouble: Arc::new(Trouble::default()),
                turn: Turn::default(),
                recipients: Recipients::default(),
            },
            left_events,
            tokens: ports.tokens,
            readiness: Readiness::new(clock, stores.installation),
            throttle,
            entropy: ports.entropy,
            locator: ports.locator,
            settings,
        }
    }
}

/// What every ceremony works with.
fn ceremonies(ports: &Ports, settings: &ServiceSettings) -> Ceremonies {
    let directory = ports.stores.directory.clone();
    let directory = Arc::new(Directory::new(directory, ports.clock.clone()));
    Ceremonies {
        clock: ports.clock.clone(),
        entropy: ports.entropy.clone(),
        tokens: ports.tokens.clone(),
        verifier: ports.verifier.clone(),
        messages: Arc::new(Messages {
            clock: ports.clock.clone(),
            entropy: ports.entropy.clone(),
            sealer: ports.sealer.clone(),
            mailer: ports.mailer.clone(),
            directory: directory.clone(),
            pages: settings.pages.clone(),
        }),
        directory,
        events: Events(ports.observer.clone()),
        policy: settings.policy.clone(),
    }
}

/// What the command line offers reads what users have, too.
fn administration(
    ceremonies: &Ceremonies,
    digester: &Arc<dyn CodeDigester>,
    stores: &Stores,
    events: &LeftEvents,
) -> Administration {
    Administration {
        ceremonies: ceremonies.clone(),
        digester: digester.clone(),
        store: stores.administration.clone(),
        accounts: stores.accounts.clone(),
        codes: stores.credential_codes.clone(),
        account_codes: stores.account_codes.clone(),
        events: events.clone(),
    }
}

fn registrations(
    ceremonies: &Ceremonies,
    digester: &Arc<dyn CodeDigester>,
    stores: &Stores,
    throttle: &Arc<Throttle>,
) -> Registrations {
    Registrations {
        ceremonies: ceremonies.clone(),
        digester: digester.clone(),
        accounts: stores.accounts.clone(),
        codes: stores.account_codes.clone(),
        store: stores.registrations.clone(),
        throttle: throttle.clone(),
    }
}

fn recoveries(
    ceremonies: &Ceremonies,
    digester: &Arc<dyn CodeDigester>,
    stores: &Stores,
    throttle: &Arc<Throttle>,
) -> Recoveries {
    Recoveries {
        ceremonies: ceremonies.clone(),
        accounts: stores.accounts.clone(),
        digester: digester.clone(),
        codes: stores.account_codes.clone(),
        store: stores.recoveries.clone(),
        throttle: throttle.clone(),
    }
}

/// The store that ends sessions uses up their codes too.
fn session_codes(
    ceremonies: &Ceremonies,
    stores: &Stores,
    throttle: &Arc<Throttle>,
) -> SessionCodes {
    SessionCodes {
        ceremonies: ceremonies.clone(),
        sessions: stores.sessions.clone(),
        throttle: throttle.clone(),
    }
}

fn code_requests(
    ceremonies: &Ceremonies,
    digester: &Arc<dyn CodeDigester>,
    stores: &Stores,
    throttle: &Arc<Throttle>,
) -> CodeRequests {
    CodeRequests {
        ceremonies: ceremonies.clone(),
        digester: digester.clone(),
        store: stores.code_requests.clone(),
        throttle: throttle.clone(),
    }
}

fn approvals(
    ceremonies: &Ceremonies,
    digester: &Arc<dyn CodeDigester>,
    stores: &Stores,
) -> Approvals {
    Approvals {
        ceremonies: ceremonies.clone(),
        digester: digester.clone(),
        accounts: stores.accounts.clone(),
        store: stores.credential_codes.clone(),
    }
}

fn factors(ceremonies: &Ceremonies, stores: &Stores) -> Factors {
    Factors {
        ceremonies: ceremonies.clone(),
        accounts: stores.accounts.clone(),
        credentials: stores.credentials.clone(),
    }
}

//! Puts the adapters behind the ports: the only place where they meet.

use std::sync::Arc;

use latchkey_crypto::{
    clock::SystemClock, code_digest::HmacCodeDigester, entropy::SystemEntropy, proofs::Proofs,
    sealer::AesGcmSealer, secrets::Secrets, tokens::SignedTokens,
};
use latchkey_domain::{id::InstallationId, policy::Policy};
use latchkey_http::Services;
use latchkey_mail::{
    kept::Kept,
    smtp::{Smtp, SmtpSettingsError},
};
use latchkey_service::{
    administration::Administration,
    approvals::Approvals,
    ceremony::Ceremonies,
    credential_codes::CredentialCodes,
    credentials::Credentials,
    directory::Directory,
    factors::Factors,
    housekeeping::Housekeeping,
    login::Logins,
    mailed_codes::{MailedCodeWorker, MailedCodes},
    messages::Messages,
    outbox::Outbox,
    ports::{
        clock::Clock, code_digester::CodeDigester, entropy::Entropy, mailer::Mailer, tokens::Tokens,
    },
    recovery::Recoveries,
    registration::Registrations,
    sessions::Sessions,
    throttle::Throttle,
    user_actions::UserActions,
    users::Users,
};
use latchkey_storage::{
    connect::{ConnectError, ConnectOptions, connect},
    store::SqlStore,
};

use crate::{
    config::{self, Settings, mail::Transport},
    secrets::{self, EstablishError, OpenSecretsError},
};

/// What everything is made of. Tests put their own clock here.
pub struct Adapters {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The database; its schema is the newest.
    pub store: SqlStore,
    /// What tokens and digests are made with.
    pub secrets: Secrets,
    /// Issuer and audience of tokens.
    pub installation: InstallationId,
    /// Lifetimes and limits.
    pub policy: Policy,
    /// Delivers messages.
    pub mailer: Arc<dyn Mailer>,
    /// Whether this service serves the pages that links in messages lead to.
    pub has_pages: bool,
}

/// All use cases, wired: those that the API offers, and the others.
pub struct UseCases {
    /// What the API offers.
    pub services: Services,
    /// What the command line offers.
    pub administration: Administration,
    /// Removes what has expired.
    pub housekeeping: Housekeeping,
    /// Mails codes that were asked for.
    pub mailed_code_worker: MailedCodeWorker,
    /// Sends what waits.
    pub outbox: Outbox,
}

/// Why the adapters cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database's schema cannot be brought up to date.
    #[error("the database cannot be migrated")]
    Migrate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No secrets.
    #[error(transparent)]
    Secrets(#[from] OpenSecretsError),
    /// No mail server.
    #[error("mail: {0}")]
    Mail(#[from] SmtpSettingsError),
    /// Other secrets than the database's.
    #[error(transparent)]
    Establish(#[from] EstablishError),
}

/// Connects to the configured database; its schema is left as it is.
///
/// # Errors
/// [`ConnectError`].
pub async fn store(settings: &Settings) -> Result<SqlStore, ConnectError> {
    connect(ConnectOptions {
        url: settings.database.url.clone(),
        max_connections: settings.database.maximum_connections,
    })
    .await
}

fn mailer(settings: &config::mail::Mail) -> Result<Arc<dyn Mailer>, SmtpSettingsError> {
    match settings.transport {
        Transport::Outbox => Ok(Arc::new(Kept)),
        Transport::Smtp => {
            let url = settings.smtp_url.as_ref().ok_or(SmtpSettingsError::Url)?;
            Ok(Arc::new(Smtp::new(url, &settings.from)?))
        }
    }
}

impl Adapters {
    /// The adapters of the real world, as configured: connects, brings the schema up to date, and reads
    /// or makes the secrets.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let clock = Arc::new(SystemClock);
        let entropy = Arc::new(SystemEntropy);
        let secrets = secrets::open(&settings.secrets, entropy.as_ref(), clock.as_ref())?;
        let store = store(settings).await?;
        latchkey_migrations::up(store.connection())
            .await
            .map_err(|error| OpenError::Migrate(error.into()))?;
        let installation =
            secrets::establish(&store, &secrets, &settings.secrets, entropy.as_ref()).await?;
        Ok(Self {
            clock,
            entropy,
            store,
            secrets,
            installation,
            policy: settings.policy.clone(),
            mailer: mailer(&settings.mail)?,
            has_pages: settings.web.enabled,
        })
    }

    /// Wires the use cases.
    pub fn use_cases(&self) -> UseCases {
        let store = Arc::new(self.store.clone());
        let clock = || Arc::clone(&self.clock);
        let tokens: Arc<dyn Tokens> =
            Arc::new(SignedTokens::new(&self.secrets, &self.installation));
        let digester: Arc<dyn CodeDigester> = Arc::new(HmacCodeDigester::new(&self.secrets));
        let directory = Arc::new(Directory::new(store.clone(), clock()));
        let throttle = Arc::new(Throttle::new(self.policy.limits.clone(), clock()));
        let (mailed_codes, wanted) =
            MailedCodes::new(Arc::clone(&directory), Arc::clone(&throttle));
        let ceremonies = self.ceremonies(&directory, &tokens);
        let factors = || Factors {
            ceremonies: ceremonies.clone(),
            accounts: store.clone(),
            credentials: store.clone(),
        };
        UseCases {
            services: Services {
                directory,
                registrations: Arc::new(Registrations {
                    ceremonies: ceremonies.clone(),
                    digester: Arc::clone(&digester),
                    accounts: store.clone(),
                    codes: store.clone(),
                    store: store.clone(),
                    throttle: Arc::clone(&throttle),
                }),
                recoveries: Arc::new(Recoveries {
                    ceremonies: ceremonies.clone(),
                    accounts: store.clone(),
                    digester: Arc::clone(&digester),
                    codes: store.clone(),
                    store: store.clone(),
                    throttle: Arc::clone(&throttle),
                }),
                mailed_codes: Arc::new(mailed_codes),
                logins: Arc::new(Logins {
                    factors: factors(),
                    store: store.clone(),
                    digester: Arc::clone(&digester),
                    codes: store.clone(),
                    throttle: Arc::clone(&throttle),
                }),
                sessions: Arc::new(Sessions {
                    clock: clock(),
                    tokens: Arc::clone(&tokens),
                    store: store.clone(),
                }),
                user_actions: Arc::new(UserActions {
                    factors: factors(),
                    store: store.clone(),
                }),
                credentials: Arc::new(Credentials {
                    ceremonies: ceremonies.clone(),
                    accounts: store.clone(),
                    store: store.clone(),
                }),
                approvals: Arc::new(Approvals {
                    ceremonies: ceremonies.clone(),
                    accounts: store.clone(),
                    store: store.clone(),
                }),
                credential_codes: Arc::new(CredentialCodes {
                    ceremonies: ceremonies.clone(),
                    digester: Arc::clone(&digester),
                    accounts: store.clone(),
                    store: store.clone(),
                    throttle,
                }),
                users: Arc::new(Users {
                    ceremonies: ceremonies.clone(),
                    digester: Arc::clone(&digester),
                    store: store.clone(),
                }),
                tokens,
                installation: store.clone(),
                entropy: Arc::clone(&self.entropy),
            },
            administration: Administration {
                ceremonies: ceremonies.clone(),
                digester: Arc::clone(&digester),
                store: store.clone(),
            },
            mailed_code_worker: MailedCodeWorker {
                ceremonies: ceremonies.clone(),
                digester: Arc::clone(&digester),
                accounts: store.clone(),
                codes: store.clone(),
                wanted,
            },
            outbox: Outbox {
                clock: clock(),
                store: store.clone(),
                messages: Arc::clone(&ceremonies.messages),
                mailer: Arc::clone(&self.mailer),
            },
            housekeeping: Housekeeping {
                clock: clock(),
                store: store.clone(),
            },
        }
    }

    /// What every ceremony works with.
    fn ceremonies(&self, directory: &Arc<Directory>, tokens: &Arc<dyn Tokens>) -> Ceremonies {
        let clock = || Arc::clone(&self.clock);
        let messages = Arc::new(Messages {
            clock: clock(),
            entropy: Arc::clone(&self.entropy),
            sealer: Arc::new(AesGcmSealer::new(&self.secrets, Arc::clone(&self.entropy))),
            directory: Arc::clone(directory),
            has_pages: self.has_pages,
        });
        Ceremonies {
            clock: clock(),
            entropy: Arc::clone(&self.entropy),
            tokens: Arc::clone(tokens),
            verifier: Arc::new(Proofs),
            directory: Arc::clone(directory),
            messages,
            policy: self.policy.clone(),
        }
    }
}

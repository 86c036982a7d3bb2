//! Puts the adapters behind the ports: the only place where they meet.

use std::sync::Arc;

use latchkey_crypto::{
    clock::SystemClock, code_digest::HmacCodeDigester, entropy::SystemEntropy, proofs::Proofs,
    sealer::AesGcmSealer, secrets::Secrets, tokens::SignedTokens,
};
use latchkey_domain::id::InstallationId;
use latchkey_mail::{
    kept::Kept,
    smtp::{Smtp, SmtpSettingsError},
};
use latchkey_service::{
    ports::{Ports, Stores, mailer::Mailer},
    use_cases::{ServiceSettings, UseCases},
};
use latchkey_storage::{
    connect::{ConnectError, ConnectOptions, connect},
    store::SqlStore,
};

use crate::{
    config::{self, Settings, mail::Transport},
    secrets::{self, EstablishError, OpenSecretsError},
};

/// What an installation is made of, as configured. Whoever has an adapter of their own puts it into its
/// place in `ports`.
pub struct Adapters {
    /// An adapter behind every port.
    pub ports: Ports,
    /// What the installation decides.
    pub settings: ServiceSettings,
    /// The database behind the ports; to be closed at the end.
    pub store: SqlStore,
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

impl Adapters {
    /// Connects to the configured database, brings its schema up to date, and reads or makes the secrets.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let (clock, entropy) = (SystemClock, SystemEntropy);
        let secrets = secrets::open(&settings.secrets, &entropy, &clock)?;
        let store = store(settings).await?;
        latchkey_migrations::up(store.connection())
            .await
            .map_err(|error| OpenError::Migrate(error.into()))?;
        let installation =
            secrets::establish(&store, &secrets, &settings.secrets, &entropy).await?;
        Ok(Self {
            ports: Ports {
                mailer: mailer(&settings.mail)?,
                ..ports(&store, &secrets, &installation)
            },
            settings: ServiceSettings {
                policy: settings.policy.clone(),
                has_pages: settings.web.enabled,
            },
            store,
        })
    }

    /// All use cases.
    pub fn use_cases(&self) -> UseCases {
        UseCases::new(self.ports.clone(), self.settings.clone())
    }
}

/// The adapters of the real world around a database whose schema is the newest. Messages stay in the
/// outbox.
pub fn ports(store: &SqlStore, secrets: &Secrets, installation: &InstallationId) -> Ports {
    let entropy = Arc::new(SystemEntropy);
    Ports {
        clock: Arc::new(SystemClock),
        tokens: Arc::new(SignedTokens::new(secrets, installation)),
        verifier: Arc::new(Proofs),
        digester: Arc::new(HmacCodeDigester::new(secrets)),
        sealer: Arc::new(AesGcmSealer::new(secrets, entropy.clone())),
        entropy,
        mailer: Arc::new(Kept),
        stores: Stores::of(Arc::new(store.clone())),
    }
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

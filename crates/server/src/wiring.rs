//! Puts the adapters behind the ports: the only place where they meet.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_crypto::{entropy::SystemEntropy, secrets::Secrets};
use latchkey_domain::text::Username;
use latchkey_mail::{
    kept::Kept,
    smtp::{Smtp, SmtpSettingsError},
};
use latchkey_service::{
    live::Live,
    ports::{
        Ports, Stores,
        mailer::{Delivery, DeliveryError, Mail, Mailer},
        store::StoreError,
    },
    use_cases::{ServiceSettings, UseCases},
};
use latchkey_storage::store::SqlStore;

use crate::{
    beginning::{self, OpenError},
    config::{self, Settings, mail::Transport},
    location::Atlas,
    metrics::Metrics,
    secrets,
};

/// What an installation is made of, as configured. Whoever has a store of their own makes this value
/// [`with`](Self::with) it; every other adapter is put into its place in `ports`.
pub struct Adapters {
    /// An adapter behind every port.
    pub ports: Ports,
    /// What the installation decides.
    pub settings: ServiceSettings,
    database: Option<SqlStore>,
    /// The mailer that was put into `ports`, and what is behind it.
    mailer: (Arc<dyn Mailer>, Live<Arc<dyn Mailer>>),
    /// The file that was put into `ports`, if one is configured.
    atlas: Option<Live<Option<Atlas>>>,
}

/// The mailer as it is configured at this moment.
struct Configured(Live<Arc<dyn Mailer>>);

#[async_trait]
impl Mailer for Configured {
    fn sends(&self) -> bool {
        self.0.read().sends()
    }

    fn reaches(&self, user: &Username) -> bool {
        self.0.read().reaches(user)
    }

    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        let mailer = Arc::clone(&**self.0.read());
        mailer.send(mail).await
    }
}

impl Adapters {
    /// Connects to the configured database, brings its schema up to date, and reads the secrets. Where there is
    /// neither, a new installation is begun; unless `settings` say that it must be there, which changes no schema.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let (store, secrets) = beginning::open(settings).await?;
        let stores = Stores::of(Arc::new(store.clone()));
        Ok(Self {
            database: Some(store),
            ..Self::around(stores, &secrets, settings).await?
        })
    }

    /// The same around stores that are given: no database is opened.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn with(settings: &Settings, stores: Stores) -> Result<Self, OpenError> {
        let kept = stores.installation.look().await?;
        let secrets = beginning::secrets(settings, kept.is_some())?;
        Self::around(stores, &secrets, settings).await
    }

    async fn around(
        stores: Stores,
        secrets: &Secrets,
        settings: &Settings,
    ) -> Result<Self, OpenError> {
        let store = stores.installation.as_ref();
        let place = &settings.secrets;
        let installation = secrets::establish(store, secrets, place, &SystemEntropy).await?;
        let live = Live::new(mailer(&settings.mail)?);
        let mailer: Arc<dyn Mailer> = Arc::new(Configured(live.clone()));
        Ok(Self {
            ports: latchkey_crypto::ports(secrets, &installation, stores, Arc::clone(&mailer)),
            settings: ServiceSettings {
                policy: settings.policy.clone(),
                pages: settings.web.pages(),
            },
            database: None,
            mailer: (mailer, live),
            atlas: None,
        })
    }

    /// The mailer that is configured, unless another one was put into its place.
    pub(crate) fn configured_mailer(&self) -> Option<Live<Arc<dyn Mailer>>> {
        let (own, live) = &self.mailer;
        Arc::ptr_eq(own, &self.ports.mailer).then(|| live.clone())
    }

    /// Lets this file tell use cases that are made from now on where addresses are, if there is one. Only who serves
    /// needs it, and it is large.
    pub fn locate(&mut self, atlas: Option<Atlas>) {
        if let Some(atlas) = atlas {
            atlas.tell();
            let live = Live::new(Some(atlas));
            self.ports.locator = Arc::new(live.clone());
            self.atlas = Some(live);
        }
    }

    /// The file that was configured when it was opened.
    pub(crate) fn configured_atlas(&self) -> Option<Live<Option<Atlas>>> {
        self.atlas.clone()
    }

    /// Lets these metrics count what use cases that are made from now on do, and measure the database that was
    /// opened. A store that was given is not measured.
    pub fn measure(&mut self, metrics: &Arc<Metrics>) {
        self.ports.observer = metrics.clone();
        if let Some(database) = &self.database {
            metrics.watch(database);
        }
    }

    /// All use cases. Each call makes others, with limits and a queue of their own: a process that serves
    /// makes them once.
    pub fn use_cases(&self) -> Arc<UseCases> {
        Arc::new(UseCases::new(self.ports.clone(), self.settings.clone()))
    }

    /// Whether an empty installation gets the demonstration: in a store that was given only when it is asked
    /// for, since there it cannot be told whether somebody merely tries.
    pub(crate) fn want_demo(&self, settings: &Settings) -> bool {
        match self.database {
            Some(_) => settings.wants_demo(),
            None => settings.demo.enabled == Some(true),
        }
    }

    /// Whether the configured database was opened, and no store was given.
    pub(crate) const fn has_database(&self) -> bool {
        self.database.is_some()
    }

    /// Closes the database that was opened. A store that was given is left alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close(self) -> Result<(), StoreError> {
        match self.database {
            Some(database) => database.close().await,
            None => Ok(()),
        }
    }
}

/// The mailer that is configured.
///
/// # Errors
/// [`SmtpSettingsError`].
pub fn mailer(settings: &config::mail::Mail) -> Result<Arc<dyn Mailer>, SmtpSettingsError> {
    match settings.transport {
        Transport::Outbox => Ok(Arc::new(Kept)),
        Transport::Smtp => {
            let url = settings.smtp_url.as_ref().ok_or(SmtpSettingsError::Url)?;
            Ok(Arc::new(Smtp::new(url, &settings.from)?))
        }
    }
}

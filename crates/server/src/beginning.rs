//! How an installation is opened, or begun, and that it is never begun a second time in the place of one that is lost.
//!
//! Whoever begins one makes the schema first, then the secrets, and then binds the database to them. Whoever opens
//! one looks in the other order. So of processes that begin at once none takes for lost what another one is about to
//! make, and what was interrupted goes on at the next start.

use std::{error::Error, io, path::PathBuf};

use latchkey_crypto::{clock::SystemClock, entropy::SystemEntropy, secrets::Secrets};
use latchkey_mail::smtp::SmtpSettingsError;
use latchkey_service::ports::{
    installation_store::{Installation, InstallationStore as _},
    store::StoreError,
};
use latchkey_storage::{
    connect::{self, ConnectError, ConnectOptions, UrlError},
    private,
    store::SqlStore,
};

use crate::{
    config::Settings,
    secrets::{self, EstablishError, OpenSecretsError},
};

/// Why an installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database's schema cannot be brought up to date.
    #[error("the database cannot be migrated")]
    Migrate(#[source] Box<dyn Error + Send + Sync>),
    /// A newer release was at work on the database: this one does not know all of what it holds.
    #[error(
        "the database has a step of the schema that this release ({}) does not know, {step}: a newer one was at work \
         on it; use that one, or see \"The way back\" in docs/upgrading.md. Nothing was changed",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The step.
        step: String,
    },
    /// No secrets.
    #[error(transparent)]
    Secrets(#[from] OpenSecretsError),
    /// Nothing is to be made here, or something is lost.
    #[error(transparent)]
    Beginning(#[from] BeginningError),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No mail server.
    #[error("mail: {0}")]
    Mail(#[from] SmtpSettingsError),
    /// Other secrets than the database's.
    #[error(transparent)]
    Establish(#[from] EstablishError),
}

/// Why nothing is begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginningError {
    /// The command needs an installation that is there.
    #[error(
        "there is no installation here: nothing is in the database {database}. `latchkey serve` and `latchkey \
         bootstrap` begin one, `latchkey restore FILE` brings one back; if there is one elsewhere, name its database \
         and secrets (database.url, secrets.path: relative paths begin at the folder you are in)"
    )]
    NoInstallation {
        /// Where the database is.
        database: String,
    },
    /// There are secrets, and the database that belongs to them is somewhere else or lost.
    #[error(
        "the secrets in {secrets} are there, but nothing is in the database {database}. If there is another \
         database that belongs to them, name it (database.url; a relative path begins at the folder you are in), or \
         bring it back with `latchkey restore FILE`. If they are to have a new one, make it with `latchkey migrate up`"
    )]
    NoDatabase {
        /// Where the database is.
        database: String,
        /// Where the secrets are.
        secrets: String,
    },
    /// There is a database, and the secrets that belong to it are somewhere else or lost.
    #[error(
        "the database {database} belongs to secrets that are not in {secrets}: put their file back, or name it \
         (secrets.path; a relative path begins at the folder you are in). If they are lost, see \"When the secrets \
         are lost\" in docs/operating.md. None were made"
    )]
    NoSecrets {
        /// Where the database is.
        database: String,
        /// Where the secrets are.
        secrets: String,
    },
    /// The command is none of those that change the schema.
    #[error(
        "steps of the schema are still to be taken: {steps}. `latchkey migrate up` takes them, and so does the next \
         start of the service"
    )]
    Pending {
        /// Their names.
        steps: String,
    },
    /// Nobody knows whether there is a database.
    #[error(
        "the database file {} cannot be looked at, so it may be there: {}. Nothing was made",
        path.display(),
        secrets::LOOK_ADVICE
    )]
    Hidden {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Connects to the configured database; its schema is left as it is.
///
/// # Errors
/// [`OpenError::Connect`]. [`OpenError::Newer`], so that nothing is done to what is only known in part: a backup of
/// it would lack a table, for example.
pub(crate) async fn store(settings: &Settings) -> Result<SqlStore, OpenError> {
    let store: SqlStore = connect::connect(ConnectOptions {
        url: settings.database.url.clone(),
        max_connections: settings.database.maximum_connections,
        deadline: settings.database.deadline,
    })
    .await?;
    let unknown = latchkey_migrations::unknown_step(store.connection()).await;
    match unknown.map_err(migrate)? {
        None => Ok(store),
        Some(step) => {
            store.close().await?;
            Err(OpenError::Newer { step })
        }
    }
}

/// What opening an installation comes to, if nothing speaks against it.
pub(crate) struct Prospect {
    /// The one that is there; else one is begun.
    pub(crate) installation: Option<Installation>,
    /// The steps of the schema that are taken before.
    pub(crate) pending: Vec<String>,
}

/// What opening comes to, or why nothing is opened: of a database that is there, or of none, and of secrets that were
/// looked for before it. Nothing is made or changed.
///
/// # Errors
/// [`OpenError`].
pub(crate) async fn prospect(
    settings: &Settings,
    has_secrets: bool,
    store: Option<&SqlStore>,
) -> Result<Prospect, OpenError> {
    let mut pending = latchkey_migrations::names();
    let known = pending.len();
    let mut installation = None;
    if let Some(store) = store {
        let steps = latchkey_migrations::status(store.connection()).await;
        let steps = steps.map_err(migrate)?.into_iter();
        let untaken = steps.filter(|step| !step.is_applied);
        pending = untaken.map(|step| step.name).collect();
        if pending.len() < known {
            installation = store.look().await?;
        }
    }
    if has_secrets && pending.len() == known {
        return Err(BeginningError::NoDatabase {
            database: target(settings)?,
            secrets: secrets::place(&settings.secrets),
        }
        .into());
    }
    if settings.must_exist && installation.is_none() {
        return Err(no_installation(settings)?.into());
    }
    // Another process may have begun it since the secrets were looked for.
    if installation.is_some() && !has_secrets {
        require_secrets(settings)?;
    }
    if settings.must_exist && !pending.is_empty() {
        return Err(BeginningError::Pending {
            steps: pending.join(", "),
        }
        .into());
    }
    Ok(Prospect {
        installation,
        pending,
    })
}

/// Opens the configured database and the secrets, or begins an installation of them.
///
/// # Errors
/// [`OpenError`].
pub(crate) async fn open(settings: &Settings) -> Result<(SqlStore, Secrets), OpenError> {
    let secrets = secrets::find(&settings.secrets)?;
    if !has_file(settings)? {
        prospect(settings, secrets.is_some(), None).await?;
    }
    let store = store(settings).await?;
    let prospect = prospect(settings, secrets.is_some(), Some(&store)).await?;
    let up = latchkey_migrations::up(store.connection()).await;
    up.map_err(migrate)?;
    let secrets = match secrets {
        Some(secrets) => secrets,
        None => self::secrets(settings, prospect.installation.is_some())?,
    };
    Ok((store, secrets))
}

fn migrate(error: impl Into<Box<dyn Error + Send + Sync>>) -> OpenError {
    OpenError::Migrate(error.into())
}

/// The secrets, which are made if a store is not bound to any yet.
///
/// # Errors
/// [`OpenError`].
pub(crate) fn secrets(settings: &Settings, is_bound: bool) -> Result<Secrets, OpenError> {
    if is_bound {
        require_secrets(settings)
    } else {
        Ok(secrets::open(
            &settings.secrets,
            &SystemEntropy,
            &SystemClock,
        )?)
    }
}

/// Whether there is a file with something in it, or a server that may have something.
///
/// # Errors
/// [`OpenError`] when the URL names none, or nobody can say.
pub(crate) fn has_file(settings: &Settings) -> Result<bool, OpenError> {
    let Some(file) = connect::sqlite_file(&settings.database.url)? else {
        return Ok(true);
    };
    let path = std::path::absolute(&file).unwrap_or(file);
    match private::look(&path) {
        Ok(found) => Ok(found.is_some_and(|found| found.len() > 0)),
        Err(source) => Err(BeginningError::Hidden { path, source }.into()),
    }
}

/// What is said to who needs an installation that is there.
///
/// # Errors
/// [`UrlError`].
pub(crate) fn no_installation(settings: &Settings) -> Result<BeginningError, UrlError> {
    Ok(BeginningError::NoInstallation {
        database: target(settings)?,
    })
}

fn require_secrets(settings: &Settings) -> Result<Secrets, OpenError> {
    match secrets::find(&settings.secrets)? {
        Some(secrets) => Ok(secrets),
        None => Err(BeginningError::NoSecrets {
            database: target(settings)?,
            secrets: secrets::place(&settings.secrets),
        }
        .into()),
    }
}

pub(crate) fn target(settings: &Settings) -> Result<String, UrlError> {
    connect::target(&settings.database.url)
}

impl From<UrlError> for OpenError {
    fn from(error: UrlError) -> Self {
        Self::Connect(error.into())
    }
}

#[cfg(test)]
mod tests;

//! The secrets of the installation: made once, kept in one file, the same for every process.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use data_encoding::BASE32_NOPAD;
use latchkey_crypto::secrets::{Secrets, SecretsError};
use latchkey_domain::id::InstallationId;
use latchkey_service::ports::{
    clock::Clock,
    entropy::Entropy,
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::config;

/// Why there are no secrets to work with.
#[derive(Debug, thiserror::Error)]
pub enum OpenSecretsError {
    /// The file cannot be read.
    #[error("the secrets file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("the secrets file {} cannot be made", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is there are no secrets.
    #[error("{place} does not hold the secrets of an installation")]
    Contents {
        /// The file, or the key of the configuration.
        place: String,
        /// What is wrong.
        source: SecretsError,
    },
    /// No secrets could be made.
    #[error("no secrets could be made")]
    Generate(#[source] SecretsError),
}

/// Why a database is not worked with.
#[derive(Debug, thiserror::Error)]
pub enum EstablishError {
    /// Everything signed or digested with the secrets it was made with would be void.
    #[error(
        "this database was made with other secrets than those in {place}: give the process the secrets \
         that every other process with this database has (secrets.path or LATCHKEY__SECRETS__CONTENTS), \
         or another database (database.url)"
    )]
    OtherSecrets {
        /// The file, or the key of the configuration.
        place: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The secrets of this installation; the first process that needs them makes them. Of any number of
/// processes that start at once, all get the same.
///
/// # Errors
/// [`OpenSecretsError`].
pub fn open(
    settings: &config::secrets::Secrets,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<Secrets, OpenSecretsError> {
    if let Some(contents) = &settings.contents {
        return parse(settings, contents);
    }
    let path = &settings.path;
    if let Some(text) = read(path)? {
        return parse(settings, &text);
    }
    let made = Secrets::generate(entropy, clock.now()).map_err(OpenSecretsError::Generate)?;
    let text = made.to_toml();
    publish(path, &text, entropy).map_err(|source| OpenSecretsError::Write {
        path: path.clone(),
        source,
    })?;
    // Another process may have been faster: the file tells, not what was made here.
    let text = read(path)?.unwrap_or(text);
    parse(settings, &text)
}

/// The installation that the database belongs to. A new database is bound to these secrets for ever.
///
/// # Errors
/// [`EstablishError`].
pub async fn establish(
    store: &dyn InstallationStore,
    secrets: &Secrets,
    settings: &config::secrets::Secrets,
    entropy: &dyn Entropy,
) -> Result<InstallationId, EstablishError> {
    let fingerprint = secrets.fingerprint();
    let kept = store
        .establish(Installation {
            id: InstallationId::from_random(&entropy.draw()),
            secrets_fingerprint: fingerprint.clone(),
        })
        .await?;
    if kept.secrets_fingerprint == fingerprint {
        Ok(kept.id)
    } else {
        Err(EstablishError::OtherSecrets {
            place: place(settings),
        })
    }
}

fn place(settings: &config::secrets::Secrets) -> String {
    match settings.contents {
        Some(_) => "secrets.contents".to_owned(),
        None => settings.path.display().to_string(),
    }
}

fn parse(settings: &config::secrets::Secrets, text: &str) -> Result<Secrets, OpenSecretsError> {
    Secrets::from_toml(text).map_err(|source| OpenSecretsError::Contents {
        place: place(settings),
        source,
    })
}

/// The file's text; nothing when there is no file.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, OpenSecretsError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            warn_of_readers(path);
            Ok(Some(Zeroizing::new(text)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenSecretsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Mounted secrets often cannot have narrow permissions, so wide ones are not refused.
fn warn_of_readers(path: &Path) {
    let others = fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    if others {
        warn!(path = %path.display(), "the secrets file can be read by others than its owner");
    }
}

/// Makes the file with its whole contents, durably, unless there is one already. It is written under
/// another name first and then linked, which fails when the name is taken: nobody ever sees half a
/// file, and the first one stays.
fn publish(path: &Path, text: &str, entropy: &dyn Entropy) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(
        ".secrets-{}.draft",
        BASE32_NOPAD.encode(&entropy.draw()).to_lowercase()
    ));
    let published = write_draft(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match published {
        Ok(()) => info!(path = %path.display(), "made the secrets file"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    removed?;
    File::open(folder)?.sync_all()
}

fn write_draft(draft: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use latchkey_crypto::{clock::SystemClock, entropy::SystemEntropy};
    use latchkey_service::ports::installation_store::MockInstallationStore;
    use tempfile::TempDir;

    use super::*;

    fn in_folder() -> (TempDir, config::secrets::Secrets) {
        let folder = tempfile::tempdir().unwrap();
        let settings = config::secrets::Secrets {
            path: folder.path().join("data/secrets.toml"),
            contents: None,
        };
        (folder, settings)
    }

    fn open_now(settings: &config::secrets::Secrets) -> Result<Secrets, OpenSecretsError> {
        open(settings, &SystemEntropy, &SystemClock)
    }

    fn text_of(secrets: &Secrets) -> String {
        secrets.to_toml().to_string()
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_only() {
        let (_folder, settings) = in_folder();
        let first = open_now(&settings).unwrap();
        let second = open_now(&settings).unwrap();
        assert_eq!(text_of(&first), text_of(&second));
        let mode = fs::metadata(&settings.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn processes_that_start_at_once_agree_and_leave_nothing_behind() {
        let (_folder, settings) = in_folder();
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let settings = settings.clone();
                thread::spawn(move || text_of(&open_now(&settings).unwrap()))
            })
            .collect();
        let mut texts: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        texts.dedup();
        assert_eq!(texts.len(), 1);
        let files = fs::read_dir(settings.path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1);
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let (_folder, settings) = in_folder();
        fs::create_dir_all(settings.path.parent().unwrap()).unwrap();
        fs::write(&settings.path, "").unwrap();
        let error = open_now(&settings).err().unwrap();
        assert!(
            matches!(error, OpenSecretsError::Contents { .. }),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&settings.path).unwrap(), "");
    }

    #[test]
    fn contents_take_the_place_of_the_file() {
        let (_folder, mut settings) = in_folder();
        let made = Secrets::generate(&SystemEntropy, SystemClock.now()).unwrap();
        settings.contents = Some(made.to_toml());
        assert_eq!(text_of(&open_now(&settings).unwrap()), text_of(&made));
        assert!(!settings.path.exists());
    }

    #[test]
    fn faulty_contents_are_named_and_not_repeated() {
        let (_folder, mut settings) = in_folder();
        settings.contents = Some(Zeroizing::new("hunter2 = ".to_owned()));
        let error = open_now(&settings).err().unwrap();
        let whole = format!("{error} {:?}", std::error::Error::source(&error));
        assert!(whole.contains("secrets.contents"), "{whole}");
        assert!(!whole.contains("hunter2"), "{whole}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_clear_error() {
        let (folder, mut settings) = in_folder();
        fs::write(folder.path().join("data"), "a file, not a folder").unwrap();
        settings.path = folder.path().join("data/deep/secrets.toml");
        let error = open_now(&settings).err().unwrap();
        assert!(error.to_string().contains("secrets.toml"), "{error}");
    }

    /// A store that keeps the first installation it is given.
    fn store(kept: Option<Installation>) -> MockInstallationStore {
        let mut store = MockInstallationStore::new();
        store
            .expect_establish()
            .returning(move |proposed| Ok(kept.clone().unwrap_or(proposed)));
        store
    }

    #[tokio::test]
    async fn a_new_database_takes_any_secrets() {
        let (_folder, settings) = in_folder();
        let secrets = open_now(&settings).unwrap();
        let id = establish(&store(None), &secrets, &settings, &SystemEntropy).await;
        assert!(id.is_ok());
    }

    #[tokio::test]
    async fn a_database_made_with_other_secrets_is_refused() {
        let (_folder, settings) = in_folder();
        let secrets = open_now(&settings).unwrap();
        let other = Installation {
            id: InstallationId::from_random(&[1; 32]),
            secrets_fingerprint: "of another installation".to_owned(),
        };
        let error = establish(&store(Some(other)), &secrets, &settings, &SystemEntropy)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("secrets.path"), "{error}");
        assert!(
            matches!(error, EstablishError::OtherSecrets { .. }),
            "{error}"
        );
    }
}

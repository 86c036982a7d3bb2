//! The secrets of the installation: made once, kept in one file or in the environment, the same for every
//! process, and changed by a command alone.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use data_encoding::BASE32_NOPAD;
use latchkey_crypto::secrets::{RotationError, Secrets, SecretsError};
use latchkey_domain::id::InstallationId;
use latchkey_service::ports::{
    clock::Clock,
    entropy::Entropy,
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};
use latchkey_storage::private;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::config;

/// Why there are no secrets to work with.
#[derive(Debug, thiserror::Error)]
pub enum OpenSecretsError {
    /// There is no file.
    #[error(
        "there is no secrets file {}: in a new installation the first `latchkey serve` or `latchkey bootstrap` makes it. \
         If there is one elsewhere, name it (secrets.path: a relative path begins at the folder you are in); if it is lost, \
         make a `latchkey backup` and bring it back with `latchkey restore --new-secrets`",
        path.display()
    )]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the secrets file {} cannot be read{}", path.display(), advice(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be made, or made anew.
    #[error("the secrets file {} cannot be written", path.display())]
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

/// What is to be done about a file that cannot be looked at.
pub(crate) const LOOK_ADVICE: &str = "run the command as the user that the service runs as, or mend the owner and the \
                                      modes of the file and of the folders above it";

/// What to do about a file that cannot be read.
fn advice(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        format!(": {LOOK_ADVICE}")
    } else {
        String::new()
    }
}

/// Why the secrets are not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeSecretsError {
    /// There are none that could be.
    #[error(transparent)]
    Open(#[from] OpenSecretsError),
    /// This change is not to be made, or not yet.
    #[error(transparent)]
    Rotation(#[from] RotationError),
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
    if let Some(secrets) = find(settings)? {
        return Ok(secrets);
    }
    let path = &file(settings);
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

/// The secrets as they are; none are made.
///
/// # Errors
/// [`OpenSecretsError`].
pub fn look(settings: &config::secrets::Secrets) -> Result<Secrets, OpenSecretsError> {
    find(settings)?.ok_or_else(|| OpenSecretsError::Missing {
        path: file(settings),
    })
}

/// Changes the secrets in their file, one process after another, and gives what they are then. Those of the
/// environment can only be given: whoever set them has to set them anew.
///
/// # Errors
/// [`ChangeSecretsError`]; nothing is changed then.
pub fn change(
    settings: &config::secrets::Secrets,
    entropy: &dyn Entropy,
    change: impl FnOnce(Secrets) -> Result<Secrets, RotationError>,
) -> Result<Secrets, ChangeSecretsError> {
    if settings.contents.is_some() {
        return Ok(change(look(settings)?)?);
    }
    let read = |source: io::Error| {
        let path = file(settings);
        if source.kind() == io::ErrorKind::NotFound {
            OpenSecretsError::Missing { path }
        } else {
            OpenSecretsError::Read { path, source }
        }
    };
    let write = |source| OpenSecretsError::Write {
        path: file(settings),
        source,
    };
    // The file itself, and not a link to it, is replaced.
    let path = fs::canonicalize(&settings.path).map_err(read)?;
    let folder = File::open(folder_of(&path)).map_err(read)?;
    folder.lock().map_err(write)?;
    let changed = change(look(settings)?)?;
    replace(&path, &changed.to_toml(), entropy)
        .and_then(|()| folder.sync_all())
        .map_err(write)?;
    Ok(changed)
}

/// The installation that the database belongs to. A new database is bound to these secrets, until others
/// take their place by [`change`].
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
    let before = kept.secrets_fingerprint;
    if before == fingerprint {
        return Ok(kept.id);
    }
    if secrets.take_the_place_of(&before) && store.rebind(&before, &fingerprint).await? {
        warn!("the secrets were replaced: every session, code and message that waited has ended");
        return Ok(kept.id);
    }
    Err(EstablishError::OtherSecrets {
        place: place(settings),
    })
}

/// Where the secrets are, for people: the absolute path of their file, or the key of the configuration.
pub fn place(settings: &config::secrets::Secrets) -> String {
    match settings.contents {
        Some(_) => "secrets.contents".to_owned(),
        None => file(settings).display().to_string(),
    }
}

/// The path of the file wherever one stands.
fn file(settings: &config::secrets::Secrets) -> PathBuf {
    std::path::absolute(&settings.path).unwrap_or_else(|_unknown| settings.path.clone())
}

fn parse(settings: &config::secrets::Secrets, text: &str) -> Result<Secrets, OpenSecretsError> {
    Secrets::from_toml(text).map_err(|source| OpenSecretsError::Contents {
        place: place(settings),
        source,
    })
}

/// The secrets, if there are any yet; none are made.
///
/// # Errors
/// [`OpenSecretsError`].
pub fn find(settings: &config::secrets::Secrets) -> Result<Option<Secrets>, OpenSecretsError> {
    if let Some(contents) = &settings.contents {
        return parse(settings, contents).map(Some);
    }
    match read(&file(settings))? {
        Some(text) => parse(settings, &text).map(Some),
        None => Ok(None),
    }
}

/// The file's text; nothing when there is no file.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, OpenSecretsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenSecretsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Makes the file with its whole contents, durably, unless there is one already. It is written under another name
/// first: nobody ever sees half a file, and the first one stays.
fn publish(path: &Path, text: &str, entropy: &dyn Entropy) -> io::Result<()> {
    let folder = folder_of(path);
    private::make_folder(folder)?;
    let draft = draft_in(folder, entropy);
    let published = write_draft(&draft, text).and_then(|()| private::publish(&draft, path));
    if published.is_err() {
        // What went wrong before is what is told.
        let _removed = fs::remove_file(&draft);
    }
    match published {
        Ok(()) => info!(path = %path.display(), "made the secrets file"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    File::open(folder)?.sync_all()
}

/// Puts another text into the place of the file's, durably: whoever reads sees one of both, whole. It stays
/// its owner's and readable by whom it was, whoever runs the command.
fn replace(path: &Path, text: &str, entropy: &dyn Entropy) -> io::Result<()> {
    let before = fs::metadata(path)?;
    let draft = draft_in(folder_of(path), entropy);
    let replaced = write_draft(&draft, text)
        .and_then(|()| chown(&draft, Some(before.uid()), Some(before.gid())))
        .and_then(|()| fs::set_permissions(&draft, before.permissions()))
        .and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        // What went wrong before is what is told.
        let _removed = fs::remove_file(&draft);
    }
    replaced
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// A name that nobody else has.
fn draft_in(folder: &Path, entropy: &dyn Entropy) -> PathBuf {
    let name = BASE32_NOPAD.encode(&entropy.draw()).to_lowercase();
    folder.join(format!(".secrets-{name}.draft"))
}

fn write_draft(draft: &Path, text: &str) -> io::Result<()> {
    let mut file = private::make_file(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, thread, time::Duration};

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
        for (path, expected) in [
            (settings.path.as_path(), 0o600),
            (folder_of(&settings.path), 0o700),
        ] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{}", path.display());
        }
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
    fn a_change_replaces_the_file_whole_and_leaves_it_its_owners() {
        let (_folder, settings) = in_folder();
        let before = open_now(&settings).unwrap();
        fs::set_permissions(&settings.path, fs::Permissions::from_mode(0o640)).unwrap();
        let changed = change(&settings, &SystemEntropy, |secrets| {
            secrets.with_next_key(&SystemEntropy, SystemClock.now())
        });
        let changed = text_of(&changed.unwrap());
        assert_ne!(changed, text_of(&before));
        assert_eq!(fs::read_to_string(&settings.path).unwrap(), changed);
        let mode = fs::metadata(&settings.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let files = fs::read_dir(settings.path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1);
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing_and_none_is_made_of_nothing() {
        let (_folder, settings) = in_folder();
        let rotate = || {
            change(&settings, &SystemEntropy, |secrets| {
                secrets.signing_with_next_key(SystemClock.now(), Duration::ZERO)
            })
        };
        let absent = rotate().err().unwrap();
        assert!(
            matches!(
                absent,
                ChangeSecretsError::Open(OpenSecretsError::Missing { .. })
            ),
            "{absent}"
        );
        let looked = look(&settings).err().unwrap();
        assert!(looked.to_string().contains("latchkey serve"), "{looked}");
        assert!(!settings.path.exists());
        let before = text_of(&open_now(&settings).unwrap());
        let refused = rotate().err().unwrap();
        assert!(
            matches!(refused, ChangeSecretsError::Rotation(RotationError::NoNext)),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&settings.path).unwrap(), before);
    }

    #[test]
    fn of_changes_at_once_none_is_lost() {
        let (_folder, settings) = in_folder();
        let first = open_now(&settings).unwrap().fingerprint();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let settings = settings.clone();
                let replaced =
                    |secrets: Secrets| secrets.replaced(&SystemEntropy, SystemClock.now());
                thread::spawn(move || {
                    let changed = change(&settings, &SystemEntropy, replaced).unwrap();
                    changed.fingerprint()
                })
            })
            .collect();
        let made = threads.into_iter().map(|thread| thread.join().unwrap());
        let made: Vec<_> = made.collect();
        let last = look(&settings).unwrap();
        for fingerprint in std::iter::once(&first).chain(&made) {
            let is_last = *fingerprint == last.fingerprint();
            assert_ne!(last.take_the_place_of(fingerprint), is_last);
        }
        assert!(made.contains(&last.fingerprint()));
    }

    #[test]
    fn contents_are_changed_and_given_and_no_file_is_made() {
        let (_folder, mut settings) = in_folder();
        let made = Secrets::generate(&SystemEntropy, SystemClock.now()).unwrap();
        settings.contents = Some(made.to_toml());
        let changed = change(&settings, &SystemEntropy, |secrets| {
            secrets.with_next_key(&SystemEntropy, SystemClock.now())
        });
        assert_eq!(changed.unwrap().signing_key_facts().len(), 2);
        assert!(!settings.path.exists());
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
    fn what_may_not_be_read_says_whom_to_run_the_command_as() {
        for (kind, is_advised) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::IsADirectory, false),
        ] {
            let error = OpenSecretsError::Read {
                path: "secrets.toml".into(),
                source: kind.into(),
            };
            let text = error.to_string();
            assert!(text.contains("secrets.toml cannot be read"), "{text}");
            assert_eq!(text.contains(LOOK_ADVICE), is_advised, "{text}");
        }
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
    async fn a_database_takes_the_secrets_that_were_made_in_the_place_of_its_own() {
        let (_folder, settings) = in_folder();
        let old = open_now(&settings).unwrap();
        let before = old.fingerprint();
        let kept = Installation {
            id: InstallationId::from_random(&[1; 32]),
            secrets_fingerprint: before.clone(),
        };
        let new = old.replaced(&SystemEntropy, SystemClock.now()).unwrap();
        for is_accepted in [true, false] {
            let (before, after) = (before.clone(), new.fingerprint());
            let mut store = store(Some(kept.clone()));
            store
                .expect_rebind()
                .times(1)
                .withf(move |from, to| from == before && to == after)
                .returning(move |_, _| Ok(is_accepted));
            let id = establish(&store, &new, &settings, &SystemEntropy).await;
            assert_eq!(id.is_ok(), is_accepted);
        }
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

//! The file of an SQLite database, and whether it still has its name and is whole.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use latchkey_service::ports::store::StoreError;

use crate::private;

/// What is written to the file now goes with this process.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database file {0} was deleted, replaced or overwritten under this process, or is damaged"
)]
struct Replaced(String);

/// A file that is open. Clones know the same of it.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    identity: (u64, u64),
    /// The most bytes that it had: nothing here makes it smaller, and whoever copies another one over it does.
    most: Arc<AtomicU64>,
    is_damaged: Arc<AtomicBool>,
}

impl OpenFile {
    /// The one that has this name now.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let found = path.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&found),
            most: Arc::new(found.len().into()),
            is_damaged: Arc::default(),
        })
    }

    /// Whether it still has its name, so that who opens the database now meets it, and nobody has overwritten it as far
    /// as is seen. This asks the system, and not the disk.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(crate) fn is_in_place(&self) -> io::Result<bool> {
        // Before it is looked at, since it may be growing.
        let most = self.most.load(Ordering::Relaxed);
        let found = private::look(&self.path)?;
        let found = found.filter(|found| identity(found) == self.identity && found.len() >= most);
        if let Some(found) = &found {
            self.most.fetch_max(found.len(), Ordering::Relaxed);
        }
        Ok(found.is_some() && !self.is_damaged.load(Ordering::Relaxed))
    }

    /// SQLite has met what it cannot have written there.
    pub(crate) fn note_damage(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// How many bytes there is room for beside it, if the system says so.
    #[cfg(unix)]
    pub(crate) fn room(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.path).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    #[cfg(not(unix))]
    pub(crate) fn room(&self) -> Option<u64> {
        None
    }

    /// Requires that it still has its name and is whole.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) fn must_be_in_place(&self) -> Result<(), StoreError> {
        match self.is_in_place() {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::unavailable(Replaced(
                self.path.display().to_string(),
            ))),
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }
}

/// What tells a file from every other one, whatever they are called.
#[cfg(unix)]
fn identity(found: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn identity(_found: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, OpenOptions},
        io::{Seek as _, SeekFrom, Write as _},
    };

    use latchkey_service::ports::installation_store::InstallationStore as _;

    use super::*;
    use crate::{connect::connect, store::SqlStore};

    /// As by `rm` and `latchkey restore` beside a running service.
    #[tokio::test]
    async fn nothing_is_committed_to_a_file_that_was_deleted_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latchkey.db");
        let url = format!("sqlite://{}", path.display());
        let store = connect(url.as_str()).await.unwrap();
        latchkey_migrations::up(store.connection()).await.unwrap();
        let aside = folder.path().join("aside.db");
        let others = folder.path().join("others.db");
        fs::copy(&path, &others).unwrap();
        let is_in_place = async || {
            let answer = store.ping().await;
            let told = answer.map_err(|error| {
                let cause = std::error::Error::source(&error).unwrap();
                assert!(cause.to_string().contains("replaced"), "{cause}");
            });
            let is_in_place = store.is_in_place().await.unwrap();
            assert_eq!(told.is_ok(), is_in_place);
            is_in_place
        };
        assert!(is_in_place().await);
        fs::rename(&path, &aside).unwrap();
        assert!(!is_in_place().await);
        fs::rename(&others, &path).unwrap();
        assert!(!is_in_place().await);
        // It is told by what the file is, and not by having been away.
        fs::rename(&aside, &path).unwrap();
        assert!(is_in_place().await);
        store.close().await.unwrap();
    }

    /// A file in which a database is, closed, and the store that has it open since.
    async fn opened_anew(folder: &Path) -> (PathBuf, SqlStore) {
        let path = folder.join("latchkey.db");
        let url = format!("sqlite://{}", path.display());
        let first = connect(url.as_str()).await.unwrap();
        latchkey_migrations::up(first.connection()).await.unwrap();
        first.close().await.unwrap();
        (path, connect(url).await.unwrap())
    }

    /// As by `cp` over the file of a running service, which keeps it under its name.
    #[tokio::test]
    async fn nothing_is_committed_to_a_file_that_a_smaller_one_was_copied_over() {
        let folder = tempfile::tempdir().unwrap();
        let (path, store) = opened_anew(folder.path()).await;
        store.ping().await.unwrap();
        let now = path.metadata().unwrap().len();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(now - 4096).unwrap();
        assert!(!store.is_in_place().await.unwrap());
        let refused = store.ping().await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    }

    #[tokio::test]
    async fn once_damage_was_met_nothing_is_committed_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (path, store) = opened_anew(folder.path()).await;
        let length = path.metadata().unwrap().len();
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        // The first page has the schema; of the others nothing is left.
        file.seek(SeekFrom::Start(4096)).unwrap();
        let rest = usize::try_from(length - 4096).unwrap();
        file.write_all(&vec![0xff; rest]).unwrap();
        assert!(store.is_in_place().await.unwrap());
        let met = store.look().await.unwrap_err();
        assert!(matches!(met, StoreError::Unavailable(_)), "{met:?}");
        assert!(!store.is_in_place().await.unwrap());
        let refused = store.ping().await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    }
}

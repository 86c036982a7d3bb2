//! The file of an SQLite database, and whether it still has its name.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};

use latchkey_service::ports::store::StoreError;

use crate::private;

/// What is written to the file now goes with this process.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database file {0} was deleted or replaced, and this process has the one from before open"
)]
struct Replaced(String);

/// A file that is open.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    identity: (u64, u64),
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
        })
    }

    /// Whether it still has its name: who opens the database now meets it. This asks the system, and not the disk.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(crate) fn is_in_place(&self) -> io::Result<bool> {
        let found = private::look(&self.path)?;
        Ok(found.is_some_and(|found| identity(&found) == self.identity))
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

    /// Requires that it still has its name.
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
    use std::fs;

    use latchkey_service::ports::installation_store::InstallationStore as _;

    use crate::connect::connect;

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
}

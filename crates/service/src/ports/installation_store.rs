//! The one row that says which installation a database belongs to.

use async_trait::async_trait;
use latchkey_domain::id::InstallationId;

use super::store::StoreError;

/// Which installation a database belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Issuer and audience of all tokens.
    pub id: InstallationId,
    /// Fingerprint of the secrets it works with; not secret itself.
    pub secrets_fingerprint: String,
}

/// Keeps the installation's row.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait InstallationStore: Send + Sync {
    /// Gives the installation; the first of any number of concurrent calls makes it as proposed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn establish(&self, proposed: Installation) -> Result<Installation, StoreError>;

    /// The installation as it is kept, if one was made: one read, which changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn look(&self) -> Result<Option<Installation>, StoreError>;

    /// Binds the installation to other secrets: when it has the fingerprint `from` it gets `to`, and the
    /// messages that wait, which nobody can open any more, and the account codes, which nobody can tell from
    /// wrong ones, are deleted; one atomic operation. Gives whether it has `to` then, of which of any number
    /// of concurrent calls ever.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rebind(&self, from: &str, to: &str) -> Result<bool, StoreError>;

    /// Whether who opens the store by its name now meets the one that this works on: a file may have been deleted,
    /// replaced or overwritten under it, and then nobody else ever sees what is done here. What has no such name is
    /// where it is.
    ///
    /// # Errors
    /// [`StoreError`] when nobody can say.
    async fn is_in_place(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Whether changes can be made: takes the path that they take, and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot.
    async fn ping(&self) -> Result<(), StoreError>;
}

//! Reading organizations and applications.

use async_trait::async_trait;
use latchkey_domain::{
    application::{Application, look::Logo},
    id::ApplicationId,
    organization::Organization,
};

use super::store::StoreError;

/// All organizations and applications that are active, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryEntries {
    /// Active organizations, oldest first.
    pub organizations: Vec<Organization>,
    /// Active applications of active organizations, oldest first.
    pub applications: Vec<Application>,
}

/// Reads the directory.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait DirectoryStore: Send + Sync {
    /// Everything in the directory. The result may be kept for some seconds: whatever takes effect
    /// requires the rows again in its transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load(&self) -> Result<DirectoryEntries, StoreError>;

    /// The logo of an application, whose entry has its tag alone: it is large, and the directory is read often.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn logo(&self, application: &ApplicationId) -> Result<Option<Logo>, StoreError>;
}

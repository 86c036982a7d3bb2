//! Whether sessions still hold.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, session::Session};

use super::store::{AuthorityConflict, StoreError};

/// Why an authority is not exercised that has no effect beside what it spends, or ends the epoch.
#[derive(Debug, thiserror::Error)]
pub enum ExerciseError {
    /// The authority does not hold, or what it spends was spent before.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers whether sessions still hold, and exercises what ends them.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Whether a session still holds, in one statement: its organization, user and credential are
    /// active, and so is the application of the credential, if it has one; the user's epoch is the
    /// session's; the session was not ended, and is not older than the last activation of its credential.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_live(&self, session: &Session) -> Result<bool, StoreError>;

    /// Exercises an authority whose only effect is what it spends: a session ends, a session code or a user action
    /// is used up.
    ///
    /// # Errors
    /// [`ExerciseError`].
    async fn exercise(&self, authority: Authority) -> Result<(), ExerciseError>;

    /// Raises the epoch of the authority's user, which ends every session, code and user action, and
    /// refuses what waits for approval.
    ///
    /// # Errors
    /// [`ExerciseError`].
    async fn end_all(&self, authority: Authority) -> Result<(), ExerciseError>;
}

//! Recovering an account.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, credential::Credential};

use super::credential_store::CreateError;

/// Recovers accounts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait RecoveryStore: Send + Sync {
    /// Deletes every credential of the authority's user, the recovery key included, and makes these in
    /// their place; a credential id that was the user's is free for them. The user's epoch is raised,
    /// which ends every session, user action, challenge and token, and every code of the user, of any
    /// kind. Of any number of concurrent recoveries of one account, exactly one
    /// returns `Ok`.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is changed or used up then.
    async fn recover(
        &self,
        authority: Authority,
        credentials: Vec<Credential>,
    ) -> Result<(), CreateError>;
}

//! Registering a user's first credentials.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority, credential::Credential, id::AccountCodeId, time::Timestamp,
};

use super::{credential_store::CreateError, store::StoreError};

/// The decision that a user registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedRegistration {
    /// The code that is used up.
    pub code: AccountCodeId,
    /// The first credential, and the second and the recovery credential if there are any.
    pub credentials: Vec<Credential>,
    /// When.
    pub date: Timestamp,
}

/// Why a registration does not take effect.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The code is not there any more: used, or replaced by a newer one.
    #[error("the registration code is not valid any more")]
    Lost,
    /// A credential cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        Self::Create(error.into())
    }
}

/// Registers users.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait RegistrationStore: Send + Sync {
    /// Makes the credentials, marks the user as registered and deletes the code, with every other one that the
    /// user has to register with. Of any number of concurrent calls for one code, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`RegisterError`]; nothing is changed then.
    async fn register(
        &self,
        authority: Authority,
        registration: CompletedRegistration,
    ) -> Result<(), RegisterError>;
}

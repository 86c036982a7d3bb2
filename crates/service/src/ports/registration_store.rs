//! Registering a user's first credentials.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    credential::Credential,
    credential_code::CodeDigest,
    id::{OrganizationId, RegistrationCodeId},
    message::NewMessage,
    registration_code::RegistrationCode,
    text::Username,
    time::Timestamp,
    user::User,
};

use super::{credential_store::CreateError, store::StoreError};

/// A registration code with the user it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRegistrationCode {
    /// The code.
    pub code: RegistrationCode,
    /// The user.
    pub user: User,
}

/// The decision that a user registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedRegistration {
    /// The code that is used up.
    pub code: RegistrationCodeId,
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

/// Registers users.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait RegistrationStore: Send + Sync {
    /// The code with that digest when it is for the user of that organization and name; one statement,
    /// the same whether there is such a code or not. Expired codes are found too.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_code(
        &self,
        organization: &OrganizationId,
        username: &Username,
        digest: &CodeDigest,
    ) -> Result<Option<HeldRegistrationCode>, StoreError>;

    /// Gives a user who is active and has not registered a code in place of any earlier one, and keeps
    /// the message that brings it; `false` when there is no such user, and then nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replace_code(
        &self,
        code: RegistrationCode,
        digest: CodeDigest,
        message: NewMessage,
    ) -> Result<bool, StoreError>;

    /// Makes the credentials, marks the user as registered and deletes the code. Of any number of
    /// concurrent calls for one code, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`RegisterError`]; nothing is changed then.
    async fn register(
        &self,
        authority: Authority,
        registration: CompletedRegistration,
    ) -> Result<(), RegisterError>;
}

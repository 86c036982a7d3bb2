//! Keeping account codes.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::OrganizationId,
    message::NewMessage,
    text::Username,
    user::User,
};

use super::store::StoreError;

/// An account code with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAccountCode {
    /// The code.
    pub code: AccountCode,
    /// Its owner.
    pub user: User,
}

/// Keeps account codes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AccountCodeStore: Send + Sync {
    /// Issues a code to an active user and keeps the message that brings it. Beyond
    /// [`AccountCodeKind::maximum_per_user`] it takes the place of the oldest; of any number of calls at
    /// once no more than that stay. `false` when the user is gone or not active, or has registered and it
    /// is a code to register with; nothing is changed then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn issue(&self, new: NewAccountCode, message: NewMessage) -> Result<bool, StoreError>;

    /// The code of that kind and digest when it is of the user of that organization and name; one
    /// statement, the same whether there is such a code or not. Expired codes are found too, as long as
    /// they are kept; codes of an organization that is not active are not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        organization: &OrganizationId,
        username: &Username,
        kind: AccountCodeKind,
        digest: &CodeDigest,
    ) -> Result<Option<HeldAccountCode>, StoreError>;

    /// Uses a code up that does no more than hand something out; the one to register with is used up by
    /// [`register`](super::registration_store::RegistrationStore::register). Of any number of calls for one code at once, exactly one gives `true`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spend(&self, code: &AccountCode) -> Result<bool, StoreError>;
}

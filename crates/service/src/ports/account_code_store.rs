//! Keeping account codes.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeDigest,
    id::{OrganizationId, UserId},
    message::NewMessage,
    text::Username,
    time::Timestamp,
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

impl HeldAccountCode {
    /// Whether it can be used at `now`: it is live, and serves its owner as the user is now.
    pub fn can_be_used(&self, now: Timestamp) -> bool {
        self.code.is_live(now) && self.code.serves(&self.user)
    }
}

/// Keeps account codes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AccountCodeStore: Send + Sync {
    /// Issues a code beside those that the user has, and keeps the message that brings it. `false` when
    /// the code does not [serve](AccountCode::serves) the user as kept, or when
    /// [`AccountCode::MAXIMUM_LIVE`] of its kind and epoch are live as it is issued, under any concurrency;
    /// nothing is changed then. No earlier code ends, because anybody may ask for one; those of its kind that
    /// have expired, or are of another epoch, are deleted, so that asking fills nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn issue(&self, new: NewAccountCode, message: NewMessage) -> Result<bool, StoreError>;

    /// The code of that kind and digest when it is of the user of that organization and name; one
    /// statement, the same whether there is such a code or not. Codes that have expired, or do not serve
    /// the user any more, are found too, as long as they are kept; codes of an organization that is not
    /// active are not.
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

    /// Every code of a user that is kept, of whatever kind, oldest first. Codes that have expired, or do not serve
    /// the user any more, are among them, as long as they are kept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, user: &UserId) -> Result<Vec<AccountCode>, StoreError>;

    /// Uses a code up that does no more than hand something out; the one to register with is used up by
    /// [`register`](super::registration_store::RegistrationStore::register). Of any number of calls for one code at
    /// once, exactly one gives `true`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spend(&self, code: &AccountCode) -> Result<bool, StoreError>;
}

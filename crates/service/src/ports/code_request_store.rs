//! Keeping code requests.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    code_request::{CodeRequest, RequestDecision},
    credential_code::{CodeDigest, CodeForm, NewCredentialCode},
    organization::RequestsFrom,
    time::Timestamp,
};

use super::store::{AuthorityConflict, StoreError};

/// A request, and what its organization lets places ask for at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRequest {
    /// The request.
    pub request: CodeRequest,
    /// From where places may ask.
    pub from: RequestsFrom,
}

impl FoundRequest {
    /// A decision about it as it was found: the code that it is granted, or none.
    pub fn decision(&self, date: Timestamp, code: Option<NewCredentialCode>) -> RequestDecision {
        RequestDecision {
            request: self.request.id.clone(),
            date,
            from: self.from,
            code,
        }
    }
}

/// Why a request is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenRequestError {
    /// No place may ask the organization, or it is gone or not active, or its application is.
    #[error("the organization lets no place ask for codes")]
    NotOffered,
    /// A request of the same text exists. With 45 random bits this happens about never; draw again.
    #[error("a request of the same text exists")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a decision about a request does not take effect.
#[derive(Debug, thiserror::Error)]
pub enum DecideRequestError {
    /// The authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityConflict),
    /// There is no such request of the authority's organization that waits at that date: another decision came
    /// first, it is too late, or the organization does not let places ask as it did.
    #[error("no such request waits")]
    NotWaiting,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request is not refused.
#[derive(Debug, thiserror::Error)]
pub enum RefuseRequestError {
    /// It does not wait at that date: it was decided, it is too late, it is gone, or the organization does not let
    /// places ask as it did.
    #[error("no such request waits")]
    NotWaiting,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps code requests. As of credential codes, digests are kept and no texts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait CodeRequestStore: Send + Sync {
    /// Keeps a request that waits. Required in the same transaction: its organization is active and lets places ask,
    /// and its application, if it has one, is active and the organization's.
    ///
    /// # Errors
    /// [`OpenRequestError`]; nothing is kept then.
    async fn open(&self, request: CodeRequest) -> Result<(), OpenRequestError>;

    /// The request of which the code of that form has that digest, whatever its state: one statement, the same whether
    /// there is such a request or not. Requests of an organization or an application that is not active are not found.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
    ) -> Result<Option<FoundRequest>, StoreError>;

    /// Decides about a request of the authority's organization that waits. When it is granted, the code is issued in
    /// the same transaction, as [`issue`](super::credential_code_store::CredentialCodeStore::issue) issues one.
    /// Of any number of concurrent decisions about one request, exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`DecideRequestError`]; nothing is changed or used up then.
    async fn decide(
        &self,
        authority: Authority,
        decision: RequestDecision,
    ) -> Result<(), DecideRequestError>;

    /// Refuses a request as it was found, if it waits at that date: one statement. Nothing is allowed by it, so it
    /// takes no authority. Of this and of any number of concurrent decisions exactly one returns `Ok`.
    ///
    /// # Errors
    /// [`RefuseRequestError`]; nothing is changed then.
    async fn refuse(&self, found: &FoundRequest, date: Timestamp)
    -> Result<(), RefuseRequestError>;
}

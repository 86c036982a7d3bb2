//! Approvals: an owner decides about a credential that was made with a code, and the place where it was
//! made learns what came of it.

use std::sync::Arc;

use latchkey_domain::{
    approval::{Decision, Verdict, WaitStatus},
    authority::Authority,
    credential::CredentialReference,
    credential_code::CodeState,
    id::CredentialUuid,
};

use crate::{
    ceremony::Ceremonies,
    credentials::SignedRequest,
    events::{Event, Facts},
    ports::{
        account_store::AccountStore,
        credential_code_store::{CredentialCodeStore, DecideError, HeldCode},
        store::StoreError,
    },
};

/// Why nobody is told what came of a credential.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalStatusError {
    /// The approval token is malformed, altered, expired or none at all.
    #[error("the approval token is not valid")]
    InvalidToken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides about credentials that wait.
pub struct Approvals {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) store: Arc<dyn CredentialCodeStore>,
}

impl Approvals {
    /// Approves or refuses a credential that waits. Any session of its owner may do it, not only the one
    /// that issued the code: the user action is signed with a credential that can be trusted already,
    /// and whoever is alarmed by mail should not have to look for the right browser.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn decide(
        &self,
        request: &SignedRequest,
        credential: CredentialUuid,
        verdict: Verdict,
    ) -> Result<(), DecideError> {
        let facts = Facts::from(request).with_credential(&credential);
        let event = match verdict {
            Verdict::Approved => Event::ApproveCredential,
            Verdict::Refused => Event::RefuseCredential,
        };
        let decided = self.decide_on(request, credential, verdict).await;
        self.ceremonies.events.tell(event, &facts, decided)
    }

    async fn decide_on(
        &self,
        request: &SignedRequest,
        credential: CredentialUuid,
        verdict: Verdict,
    ) -> Result<(), DecideError> {
        let authority = match verdict {
            Verdict::Approved => self.telling(request, &credential).await?,
            Verdict::Refused => request.authority(),
        };
        let decision = Decision {
            credential,
            verdict,
            date: self.ceremonies.now(),
        };
        self.store.decide(authority, decision).await
    }

    /// The authority to approve a credential, and to tell its owner so.
    async fn telling(
        &self,
        request: &SignedRequest,
        credential: &CredentialUuid,
    ) -> Result<Authority, DecideError> {
        let reference = CredentialReference::Uuid(credential.clone());
        let held = self
            .accounts
            .find_credential(&request.session.organization, &reference)
            .await?
            .filter(|held| held.user.id == request.session.user)
            .ok_or(DecideError::NotWaiting)?;
        let message = self.ceremonies.messages.credential_added(&held.credential);
        Ok(request.authority().telling(message))
    }

    /// What has come of the credential that the approval token was given for.
    ///
    /// # Errors
    /// [`ApprovalStatusError`].
    pub async fn status(&self, token: &str) -> Result<WaitStatus, ApprovalStatusError> {
        let now = self.ceremonies.now();
        let ticket = self
            .ceremonies
            .tokens
            .read_approval(token, now)
            .map_err(|_invalid| ApprovalStatusError::InvalidToken)?;
        let Some(HeldCode { code, user }) = self.store.find_by_id(&ticket.code).await? else {
            return Ok(WaitStatus::Expired);
        };
        let CodeState::Redeemed {
            wait: Some(wait), ..
        } = code.state
        else {
            return Ok(WaitStatus::Expired);
        };
        let status = wait.status(now);
        let can_be_approved = user.is_active && user.epoch == code.epoch;
        Ok(match status {
            WaitStatus::Waiting if !can_be_approved => WaitStatus::Refused,
            WaitStatus::Waiting
            | WaitStatus::Approved
            | WaitStatus::Refused
            | WaitStatus::Expired => status,
        })
    }
}

#[cfg(test)]
mod tests;

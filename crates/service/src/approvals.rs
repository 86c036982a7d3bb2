//! Approvals: an owner decides about a credential that was made with a code, and the place where it was
//! made learns what came of it.

use std::{fmt::Display, sync::Arc};

use latchkey_domain::{
    approval::{Comparison, Decision, Verdict, WaitStatus},
    credential::{Credential, CredentialReference, MadeBy},
    credential_code::{CodeState, CodeText},
    id::{CredentialCodeId, CredentialUuid},
};

use crate::{
    ceremony::Ceremonies,
    credentials::SignedRequest,
    events::{Event, Facts},
    ports::{
        account_store::AccountStore,
        code_digester::CodeDigester,
        credential_code_store::{CredentialCodeStore, DecideError, HeldCode},
        store::StoreError,
    },
};

/// The numbers to compare before what was made with that code is approved, or before that request for a code is
/// granted. They follow from its id under a server secret, so every replica knows them and nothing is kept.
pub(crate) fn comparison(digester: &dyn CodeDigester, id: impl Display) -> Comparison {
    // No code that can be entered is digested as this text: it has another form.
    let text = CodeText::new(format!("number of {id}"));
    Comparison::from_random(digester.digest(&text).as_bytes())
}

/// Why a credential is not approved.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// The number is not the one that is shown where it was made: it is refused, and gone.
    #[error("the number is not the one that is shown where the credential was made")]
    WrongNumber,
    /// It is not decided at all.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl From<StoreError> for ApproveError {
    fn from(error: StoreError) -> Self {
        DecideError::from(error).into()
    }
}

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
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) store: Arc<dyn CredentialCodeStore>,
}

impl Approvals {
    /// Approves a credential that waits, if the number is the one that is shown where it was made; with
    /// another one it is refused, because then its owner is looking at another place than the one that has
    /// used the code. Any session of its owner may do it, not only the one that issued the code: the user
    /// action is signed with a credential that can be trusted already, and whoever is alarmed by mail should
    /// not have to look for the right browser. The number is part of what is signed.
    ///
    /// # Errors
    /// [`ApproveError`].
    pub async fn approve(
        &self,
        request: &SignedRequest,
        credential: CredentialUuid,
        number: u16,
    ) -> Result<(), ApproveError> {
        let facts = Facts::from(request).with_credential(&credential);
        let approved = self.approve_one(request, credential, number).await;
        let events = &self.ceremonies.events;
        events.tell(Event::ApproveCredential, &facts, approved)
    }

    async fn approve_one(
        &self,
        request: &SignedRequest,
        credential: CredentialUuid,
        number: u16,
    ) -> Result<(), ApproveError> {
        let (made, code) = self.made_with_code(request, &credential).await?;
        if comparison(&*self.digester, &code).number() != number {
            let refusal = self.decision(credential, Verdict::Refused);
            self.store.decide(request.authority(), refusal).await?;
            return Err(ApproveError::WrongNumber);
        }
        let messages = &self.ceremonies.messages;
        let page = messages.page_in(&made.organization).await?;
        let message = messages.credential_added(&made, page.as_deref());
        let approval = self.decision(credential, Verdict::Approved);
        let authority = request.authority().unless_fresh(approval.date);
        let authority = authority.telling(message);
        Ok(self.store.decide(authority, approval).await?)
    }

    /// A credential of the caller that was made with a code, and that code.
    async fn made_with_code(
        &self,
        request: &SignedRequest,
        credential: &CredentialUuid,
    ) -> Result<(Credential, CredentialCodeId), ApproveError> {
        let reference = CredentialReference::Uuid(credential.clone());
        let held = self
            .accounts
            .find_credential(&request.session.organization, &reference)
            .await?
            .filter(|held| held.user.id == request.session.user)
            .ok_or(DecideError::NotWaiting)?;
        let MadeBy::Code { code, .. } = held.credential.provenance.made_by.clone() else {
            return Err(DecideError::NotWaiting.into());
        };
        Ok((held.credential, code))
    }

    /// Refuses a credential that waits. Any session of its owner may do it.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn refuse(
        &self,
        request: &SignedRequest,
        credential: CredentialUuid,
    ) -> Result<(), DecideError> {
        let facts = Facts::from(request).with_credential(&credential);
        let refusal = self.decision(credential, Verdict::Refused);
        let refused = self.store.decide(request.authority(), refusal).await;
        let events = &self.ceremonies.events;
        events.tell(Event::RefuseCredential, &facts, refused)
    }

    fn decision(&self, credential: CredentialUuid, verdict: Verdict) -> Decision {
        Decision {
            credential,
            verdict,
            date: self.ceremonies.now(),
        }
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

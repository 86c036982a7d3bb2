//! Approvals: an owner decides about a credential that was made with a code, and the place where it was
//! made learns what came of it.

use std::{fmt::Display, sync::Arc};

use latchkey_domain::{
    approval::{self, ApprovalTicket, Comparison, Decision, Verdict, Wait, WaitStatus},
    challenge::{Challenge, purpose},
    credential::{Credential, CredentialReference, MadeBy},
    credential_code::{CodeState, CodeStatus, CodeText, CredentialCode},
    id::{CredentialCodeId, CredentialUuid},
};

use crate::{
    ceremony::Ceremonies,
    events::{Event, Facts},
    ports::{
        account_store::AccountStore,
        code_digester::CodeDigester,
        credential_code_store::{CredentialCodeStore, DecideError, HeldCode},
        store::StoreError,
    },
    user_actions::SignedRequest,
};

/// The numbers to compare before what was made with that code is approved, or before that request for a code is
/// granted. They follow from its id under a server secret, so every replica knows them and nothing is kept.
pub(crate) fn comparison(digester: &dyn CodeDigester, id: impl Display) -> Comparison {
    // Whoever enters this text as a code has entered a wrong one: no code is kept under its digest, and the digest
    // is told to nobody.
    let text = CodeText::new(format!("number of {id}"));
    Comparison::from_random(digester.digest(&text).as_bytes())
}

/// What a place needs while what was made there waits for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The token to ask with what comes of it.
    pub token: String,
    /// The number to show there, which its owner picks.
    pub number: u16,
}

/// What the place needs while what was made there waits: the same whenever it is told.
pub(crate) fn awaited(
    ceremonies: &Ceremonies,
    digester: &dyn CodeDigester,
    ticket: &ApprovalTicket,
) -> Awaited {
    Awaited {
        token: ceremonies.tokens.sign_approval(ticket, ceremonies.now()),
        number: comparison(digester, &ticket.code).number(),
    }
}

/// What has come of a credential, as the place is told where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How its wait stands.
    pub status: WaitStatus,
    /// As long as it waits: what the place needs, as it was told when the credential was made.
    pub awaited: Option<Awaited>,
}

impl From<WaitStatus> for Outcome {
    /// What is over.
    fn from(status: WaitStatus) -> Self {
        Self {
            status,
            awaited: None,
        }
    }
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
    /// The challenge is void, for something else, or one whose code has ended without a credential.
    #[error("the challenge is not valid")]
    InvalidChallenge,
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
    pub async fn status(&self, token: &str) -> Result<Outcome, ApprovalStatusError> {
        let ticket = self
            .ceremonies
            .tokens
            .read_approval(token, self.ceremonies.now())
            .map_err(|_invalid| ApprovalStatusError::InvalidToken)?;
        match self.store.find_by_id(&ticket.code).await? {
            Some(held) if wait_of(&held.code).is_some() => Ok(self.outcome(&held).await?),
            Some(_) | None => Ok(WaitStatus::Expired.into()),
        }
    }

    /// What has come of the credential that was made with that challenge: for a place that was not told, because
    /// the answer was lost on its way. Nothing is used twice by it. Only who claimed the code has the challenge
    /// identifier, and learns what the lost answer has said. What was made when the challenge was about to expire may
    /// wait for as long as anything, so the challenge is taken here for so much longer. `None` as long as nothing was
    /// made and the code is still claimed by that challenge, so that a credential can be made with it.
    ///
    /// # Errors
    /// [`ApprovalStatusError`].
    pub async fn status_of_challenge(
        &self,
        identifier: &str,
    ) -> Result<Option<Outcome>, ApprovalStatusError> {
        let now = self.ceremonies.now();
        let challenge: Challenge<purpose::CredentialWithCode> = self
            .ceremonies
            .tokens
            .read_challenge(identifier, now.minus(approval::LIFETIME))
            .ok()
            .and_then(|challenge| challenge.accept().ok())
            .ok_or(ApprovalStatusError::InvalidChallenge)?;
        let held = self
            .store
            .find_by_id(&challenge.purpose.code)
            .await?
            .filter(|held| {
                let claim = held.code.claimed_by();
                claim.is_some_and(|claim| claim.challenge == challenge.id)
            })
            .ok_or(ApprovalStatusError::InvalidChallenge)?;
        match held.code.status(now) {
            CodeStatus::Redeemed => Ok(Some(self.outcome(&held).await?)),
            CodeStatus::Claimed => Ok(None),
            CodeStatus::Issued
            | CodeStatus::Expired
            | CodeStatus::Cancelled
            | CodeStatus::Released => Err(ApprovalStatusError::InvalidChallenge),
        }
    }

    /// What has come of the credential that was made with a code.
    async fn outcome(&self, held: &HeldCode) -> Result<Outcome, StoreError> {
        let HeldCode { code, user } = held;
        let wait = wait_of(code);
        // What need not wait can be used.
        let status = wait.map_or(WaitStatus::Approved, |wait| {
            wait.status(self.ceremonies.now())
        });
        let can_be_approved = user.is_active && user.epoch == code.epoch;
        Ok(match (status, wait) {
            (WaitStatus::Waiting, Some(wait)) if can_be_approved => {
                let ticket = ApprovalTicket {
                    code: code.id.clone(),
                    organization: code.organization.clone(),
                    user: code.user.clone(),
                    expires: ApprovalTicket::expiry(&wait),
                };
                let awaited = awaited(&self.ceremonies, &*self.digester, &ticket);
                Outcome {
                    status,
                    awaited: Some(awaited),
                }
            }
            (WaitStatus::Waiting, _) => WaitStatus::Refused.into(),
            (WaitStatus::Approved, _) if !self.is_there(code).await? => WaitStatus::Refused.into(),
            (WaitStatus::Approved | WaitStatus::Refused | WaitStatus::Expired, _) => status.into(),
        })
    }

    /// Whether the credential that was made with a code was not taken away since.
    async fn is_there(&self, code: &CredentialCode) -> Result<bool, StoreError> {
        let CodeState::Redeemed { credential, .. } = &code.state else {
            return Ok(false);
        };
        let reference = CredentialReference::Uuid(credential.clone());
        let held = self
            .accounts
            .find_credential(&code.organization, &reference)
            .await?;
        Ok(held.is_some())
    }
}

/// The wait of the credential that was made with that code, if there is one that has to wait.
const fn wait_of(code: &CredentialCode) -> Option<Wait> {
    match &code.state {
        CodeState::Redeemed { wait, .. } => *wait,
        CodeState::Issued
        | CodeState::Claimed(_)
        | CodeState::Cancelled { .. }
        | CodeState::Released { .. } => None,
    }
}

#[cfg(test)]
mod tests;

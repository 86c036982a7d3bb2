//! Mailed codes: anybody may ask that a user be mailed a code; nobody learns whether there is such a
//! user.
//!
//! The call is answered before anything is looked up, and the work is done afterwards by
//! [`MailedCodes::run`], so neither the answer nor the time it takes tells anything. What waits is
//! bounded; it is finished when the service stops.

use std::{future::Future, pin::pin, sync::Arc};

use latchkey_domain::{
    account_code::AccountCodeKind,
    credential::{Credential, CredentialKind},
    id::OrganizationId,
    text::Username,
};
use tokio::sync::{Mutex, mpsc};

use crate::{
    account_codes::draw,
    ceremony::Ceremonies,
    directory::{Caller, OrganizationRequired, PartyError},
    ports::{
        account_code_store::AccountCodeStore, account_store::AccountStore,
        code_digester::CodeDigester, store::StoreError,
    },
    throttle::Throttle,
};

/// How many requests can wait; what comes beyond is dropped.
const WAITING: usize = 1_024;

/// Whom to mail which code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailCode {
    /// Which code.
    pub kind: AccountCodeKind,
    /// The organization, when the client names it.
    pub organization: Option<OrganizationId>,
    /// The user.
    pub username: Username,
}

/// Why a request is refused before it is worked on; none of it is about the user.
#[derive(Debug, thiserror::Error)]
pub enum MailCodeError {
    /// No organization can be told.
    #[error(transparent)]
    OrganizationRequired(#[from] OrganizationRequired),
    /// No application lists the origin.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A request that waits.
struct Wanted {
    kind: AccountCodeKind,
    organization: OrganizationId,
    username: Username,
}

/// Requests that wait: at most 1,024.
pub(crate) struct Queue {
    end: mpsc::Sender<Wanted>,
    front: Mutex<mpsc::Receiver<Wanted>>,
}

impl Default for Queue {
    fn default() -> Self {
        let (end, front) = mpsc::channel(WAITING);
        Self {
            end,
            front: Mutex::new(front),
        }
    }
}

/// Takes requests, and works on them.
pub struct MailedCodes {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) codes: Arc<dyn AccountCodeStore>,
    pub(crate) queue: Queue,
}

impl MailedCodes {
    /// Takes a request, to be worked on later. It is dropped without a word when there were too many of
    /// them from this address, or for this user, or when the queue is full, or when it comes from a
    /// page of another organization.
    ///
    /// # Errors
    /// [`MailCodeError`].
    pub async fn ask(&self, caller: &Caller, request: MailCode) -> Result<(), MailCodeError> {
        let named = request.organization.as_ref();
        let snapshot = self.ceremonies.snapshot_for(caller, named).await?;
        let organization = snapshot.organization(request.organization)?;
        match snapshot.party(caller, &organization) {
            Ok(_party) => {}
            Err(PartyError::OriginNotAllowed) => return Err(MailCodeError::OriginNotAllowed),
            Err(PartyError::ForeignOrigin | PartyError::NoApplication) => return Ok(()),
        }
        let counted = self
            .throttle
            .count_mailed_code(caller.address, &request.username);
        if counted.is_err() {
            tracing::info!("too many codes were asked for; one was not mailed");
            return Ok(());
        }
        let wanted = Wanted {
            kind: request.kind,
            organization,
            username: request.username,
        };
        if self.queue.end.try_send(wanted).is_err() {
            tracing::warn!("more codes are asked for than can be mailed; one was not");
        }
        Ok(())
    }

    /// Works on requests as they come, until `stop` completes and then on what waits: it was answered
    /// already. Only a store that is not available ends that early, since the end must come. It may be called again, and several times at once: each request is worked on once.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(wanted) = self.next() => {
                    self.work_on(wanted).await;
                }
            }
        }
        while let Some(wanted) = self.waiting() {
            if !self.work_on(wanted).await {
                tracing::error!("the codes that were asked for last are not mailed");
                break;
            }
        }
    }

    /// The next request, when it comes.
    async fn next(&self) -> Option<Wanted> {
        self.queue.front.lock().await.recv().await
    }

    /// A request that waits; nothing when another call is about to take it.
    fn waiting(&self) -> Option<Wanted> {
        self.queue.front.try_lock().ok()?.try_recv().ok()
    }

    /// Mails a code, and gives whether the store is available for the next one.
    async fn work_on(&self, wanted: Wanted) -> bool {
        let Err(error) = self.mail(&wanted).await else {
            return true;
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "a code could not be mailed");
        matches!(error, StoreError::Failed(_))
    }

    /// Issues a code to a user who may have one, with the message that brings it.
    async fn mail(&self, wanted: &Wanted) -> Result<(), StoreError> {
        let account = self
            .accounts
            .find_by_username(&wanted.organization, &wanted.username)
            .await?
            .filter(|account| account.user.is_active);
        let Some(account) = account else {
            return Ok(());
        };
        let has = |kind| has_active(&account.credentials, kind);
        let can_use_it = match wanted.kind {
            AccountCodeKind::Registration => account.user.registered.is_none(),
            AccountCodeKind::Login => has(CredentialKind::PasswordProtectedKey),
            AccountCodeKind::Recovery => has(CredentialKind::RecoveryKey),
        };
        if !can_use_it {
            return Ok(());
        }
        let user = &account.user;
        let digester = self.digester.as_ref();
        let (new, text) = draw(&self.ceremonies, digester, &user.id, wanted.kind);
        let messages = &self.ceremonies.messages;
        let expires = new.code.expires;
        let message = match wanted.kind {
            AccountCodeKind::Registration => messages.registration(user, &text, expires).await?,
            AccountCodeKind::Login => messages.login_code(&user.id, &text, expires),
            AccountCodeKind::Recovery => messages.recovery_code(&user.id, &text, expires),
        };
        // A user who was deactivated or has registered meanwhile gets none.
        let _was_issued = self.codes.issue(new, message).await?;
        Ok(())
    }
}

fn has_active(credentials: &[Credential], kind: CredentialKind) -> bool {
    credentials
        .iter()
        .any(|credential| credential.is_active() && credential.kind() == kind)
}

#[cfg(test)]
mod tests;

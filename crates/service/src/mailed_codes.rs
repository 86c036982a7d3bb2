//! Mailed codes: anybody may ask that a user be mailed a code; nobody learns whether there is such a
//! user.
//!
//! The call is answered before anything is looked up, and the work is done afterwards by
//! [`MailedCodeWorker`], so neither the answer nor the time it takes tells anything. What is waiting
//! for the worker is bounded; it is finished when the service stops.

use std::{future::Future, pin::pin, sync::Arc};

use latchkey_domain::{
    account_code::AccountCodeKind,
    credential::{Credential, CredentialKind},
    id::OrganizationId,
    text::Username,
};
use tokio::sync::mpsc;

use crate::{
    account_codes::draw,
    ceremony::Ceremonies,
    directory::{Caller, Directory, OrganizationRequired, PartyError},
    ports::{
        account_code_store::AccountCodeStore, account_store::AccountStore,
        code_digester::CodeDigester, store::StoreError,
    },
    throttle::Throttle,
};

/// How many requests can wait for the worker; what comes beyond is dropped.
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

/// What waits for the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    kind: AccountCodeKind,
    organization: OrganizationId,
    username: Username,
}

/// Takes requests.
pub struct MailedCodes {
    directory: Arc<Directory>,
    throttle: Arc<Throttle>,
    queue: mpsc::Sender<Wanted>,
}

impl MailedCodes {
    /// Takes requests for a worker that reads from the other end.
    pub fn new(
        directory: Arc<Directory>,
        throttle: Arc<Throttle>,
    ) -> (Self, mpsc::Receiver<Wanted>) {
        let (queue, wanted) = mpsc::channel(WAITING);
        let codes = Self {
            directory,
            throttle,
            queue,
        };
        (codes, wanted)
    }

    /// Takes a request, to be worked on later. It is dropped without a word when there were too many of
    /// them from this address, or for this user, or when the queue is full, or when it comes from a
    /// page of another organization.
    ///
    /// # Errors
    /// [`MailCodeError`].
    pub async fn ask(&self, caller: &Caller, request: MailCode) -> Result<(), MailCodeError> {
        let snapshot = self.directory.snapshot().await?;
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
        if self.queue.try_send(wanted).is_err() {
            tracing::warn!("more codes are asked for than can be mailed; one was not");
        }
        Ok(())
    }
}

/// Works on requests.
pub struct MailedCodeWorker {
    /// What every ceremony works with.
    pub ceremonies: Ceremonies,
    /// Digests codes.
    pub digester: Arc<dyn CodeDigester>,
    /// Finds users.
    pub accounts: Arc<dyn AccountStore>,
    /// Keeps the codes.
    pub codes: Arc<dyn AccountCodeStore>,
    /// What waits.
    pub wanted: mpsc::Receiver<Wanted>,
}

impl MailedCodeWorker {
    /// Works on requests as they come. When `stop` completes no more are taken, and what waits is still
    /// worked on: it was answered already.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                wanted = self.wanted.recv() => match wanted {
                    Some(wanted) => self.work_on(wanted).await,
                    None => return,
                },
                () = &mut stop, if !self.wanted.is_closed() => self.wanted.close(),
            }
        }
    }

    /// Works on what waits at present.
    pub async fn catch_up(&mut self) {
        while let Ok(wanted) = self.wanted.try_recv() {
            self.work_on(wanted).await;
        }
    }

    async fn work_on(&self, wanted: Wanted) {
        if let Err(error) = self.mail(&wanted).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "a code could not be mailed");
        }
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

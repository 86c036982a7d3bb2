//! Mailed codes: anybody may ask that a user be mailed a code; nobody learns whether there is such a
//! user.
//!
//! The call is answered before anything is looked up, and the work is done afterwards by
//! [`MailedCodeWorker`], so neither the answer nor the time it takes tells anything. What is waiting
//! for the worker is bounded; it is finished when the service stops.

use std::{future::Future, pin::pin, sync::Arc};

use latchkey_domain::{
    account_code::{self, AccountCode, AccountCodeKind, NewAccountCode},
    credential::{Credential, CredentialKind},
    id::{AccountCodeId, OrganizationId, RegistrationCodeId},
    registration_code::{self, RegistrationCode},
    text::Username,
    user::User,
};
use tokio::sync::mpsc;

use crate::{
    ceremony::Ceremonies,
    directory::{Caller, Directory, OrganizationRequired, PartyError},
    ports::{
        account_code_store::AccountCodeStore, account_store::AccountStore,
        code_digester::CodeDigester, registration_store::RegistrationStore, store::StoreError,
    },
    throttle::Throttle,
};

/// How many requests can wait for the worker; what comes beyond is dropped.
const WAITING: usize = 1_024;

/// Which code is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailedCodeKind {
    /// A new code for an invited user, in place of the earlier one.
    Registration,
    /// A code that hands out a key whose private half is kept.
    Login,
    /// A code that begins a recovery.
    Recovery,
}

/// Whom to mail which code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailCode {
    /// Which code.
    pub kind: MailedCodeKind,
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
    kind: MailedCodeKind,
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
    /// Keeps registration codes.
    pub registrations: Arc<dyn RegistrationStore>,
    /// Keeps the other codes.
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
        match wanted.kind {
            MailedCodeKind::Registration if account.user.registered.is_none() => {
                self.mail_registration_code(&account.user).await
            }
            MailedCodeKind::Login if has(CredentialKind::PasswordProtectedKey) => {
                self.mail_account_code(&account.user, AccountCodeKind::Login)
                    .await
            }
            MailedCodeKind::Recovery if has(CredentialKind::RecoveryKey) => {
                self.mail_account_code(&account.user, AccountCodeKind::Recovery)
                    .await
            }
            MailedCodeKind::Registration | MailedCodeKind::Login | MailedCodeKind::Recovery => {
                Ok(())
            }
        }
    }

    async fn mail_registration_code(&self, user: &User) -> Result<(), StoreError> {
        let text = registration_code::from_random(&self.ceremonies.entropy.draw());
        let issued = self.ceremonies.now();
        let code = RegistrationCode {
            id: RegistrationCodeId::from_random(&self.ceremonies.entropy.draw()),
            user: user.id.clone(),
            issued,
            expires: issued.plus(self.ceremonies.policy.lifetimes.registration_code),
        };
        let messages = &self.ceremonies.messages;
        let message = messages.registration(user, &text, code.expires).await?;
        let digest = self.digester.digest(&text);
        // A user who has registered meanwhile needs none.
        let _was_issued = self
            .registrations
            .replace_code(code, digest, message)
            .await?;
        Ok(())
    }

    async fn mail_account_code(
        &self,
        user: &User,
        kind: AccountCodeKind,
    ) -> Result<(), StoreError> {
        let text = account_code::from_random(&self.ceremonies.entropy.draw());
        let id = AccountCodeId::from_random(&self.ceremonies.entropy.draw());
        let code = AccountCode::issue(id, user.id.clone(), kind, self.ceremonies.now());
        let messages = &self.ceremonies.messages;
        let message = match kind {
            AccountCodeKind::Login => messages.login_code(&user.id, &text, code.expires),
            AccountCodeKind::Recovery => messages.recovery_code(&user.id, &text, code.expires),
        };
        let digest = self.digester.digest(&text);
        // A user who was deactivated meanwhile gets none.
        let _was_issued = self
            .codes
            .issue(NewAccountCode { code, digest }, message)
            .await?;
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

//! Mailed codes: anybody may ask that a user be mailed a code; nobody learns whether there is such a
//! user.
//!
//! The call is answered before anything is looked up, and the work is done afterwards by
//! [`MailedCodes::run`], so neither the answer nor the time it takes tells anything. While the store is not
//! available the work is tried again for as long as such a code would be of use. What waits is bounded; it is
//! finished when the service stops.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use latchkey_domain::{
    account_code::AccountCodeKind,
    credential::{Credential, CredentialKind},
    id::OrganizationId,
    text::{ApplicationName, Username},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    account_codes::draw,
    ceremony::Ceremonies,
    directory::{Caller, OrganizationRequired, PartyError},
    events::{Event, Facts},
    messages::AskedCode,
    mishaps::caught,
    network::shares,
    ports::{
        account_code_store::AccountCodeStore, account_store::AccountStore,
        code_digester::CodeDigester, mailer::Mailer, store::StoreError,
    },
    throttle::Throttle,
};

/// How many requests can wait; what comes beyond is dropped.
const WAITING: u32 = 1_024;

/// How many of them can come from one address, so that others find room.
const SHARE: u32 = 64;

/// How long to wait for a store that is not available, before the next request is tried.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a request is worked on at most, so that those of an hour of outage do not keep out who asks then.
const PATIENCE: Duration = Duration::from_mins(10);

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
    /// From where it came.
    address: IpAddr,
    /// Until when it is worked on: a code that had been mailed at once would be of no use any more.
    until: Instant,
    kind: AccountCodeKind,
    organization: OrganizationId,
    username: Username,
    /// Whose page it came from, if it was one.
    application: Option<ApplicationName>,
}

/// Requests that wait: at most 1,024, and of each network its share; beside them those that are being worked on
/// and may come back.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    comes: Notify,
}

#[derive(Default)]
struct Waiting {
    line: VecDeque<Wanted>,
    /// How many wait from each address, and from each of the wider networks.
    shares: HashMap<IpNet, u32>,
}

impl Queue {
    /// Puts a request at the end, if there is room for it.
    fn put(&self, wanted: Wanted) -> bool {
        let mut waiting = self.waiting();
        let has_room = waiting.has_room_for(wanted.address);
        if has_room {
            waiting.put(wanted);
            self.comes.notify_one();
        }
        has_room
    }

    /// Puts a request at the end that had room before: others are not to wait for the one that fails.
    fn put_back(&self, wanted: Wanted) {
        self.waiting().put(wanted);
        self.comes.notify_one();
    }

    /// The next request, after a pause when it comes. Nothing is lost when this is dropped.
    async fn next(&self, pause: Duration) -> Wanted {
        if !pause.is_zero() {
            sleep(pause).await;
        }
        loop {
            if let Some(wanted) = self.take() {
                return wanted;
            }
            self.comes.notified().await;
        }
    }

    /// A request that waits. What has waited for too long is dropped.
    fn take(&self) -> Option<Wanted> {
        let mut waiting = self.waiting();
        loop {
            let wanted = waiting.take()?;
            if Instant::now() < wanted.until {
                return Some(wanted);
            }
            tracing::error!("a code could not be mailed while it would have been of use");
        }
    }

    fn len(&self) -> u32 {
        self.waiting().len()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> u32 {
        u32::try_from(self.line.len()).unwrap_or(u32::MAX)
    }

    fn has_room_for(&self, address: IpAddr) -> bool {
        let of = |network| self.shares.get(&network).copied().unwrap_or_default();
        self.len() < WAITING
            && shares(address, SHARE, WAITING).all(|(network, share)| of(network) < share)
    }

    fn put(&mut self, wanted: Wanted) {
        for (network, _share) in shares(wanted.address, SHARE, WAITING) {
            *self.shares.entry(network).or_default() += 1;
        }
        self.line.push_back(wanted);
    }

    /// The one in front, which makes room for another one from its address.
    fn take(&mut self) -> Option<Wanted> {
        let wanted = self.line.pop_front()?;
        for (network, _share) in shares(wanted.address, SHARE, WAITING) {
            match self.shares.remove(&network) {
                None | Some(0 | 1) => {}
                Some(count) => {
                    self.shares.insert(network, count - 1);
                }
            }
        }
        Some(wanted)
    }
}

/// Takes requests, and works on them.
pub struct MailedCodes {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) codes: Arc<dyn AccountCodeStore>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) queue: Queue,
}

impl MailedCodes {
    /// Takes a request, to be worked on later. It is dropped without a word when too many wait,
    /// from this address or at all, or when it comes from a page of another organization.
    ///
    /// # Errors
    /// [`MailCodeError`].
    pub async fn ask(&self, caller: &Caller, request: MailCode) -> Result<(), MailCodeError> {
        let facts = Facts::from(caller);
        let asked = self.enqueue(caller, request).await;
        let events = &self.ceremonies.events;
        events.tell(Event::AskForCode, &facts, asked)
    }

    async fn enqueue(&self, caller: &Caller, request: MailCode) -> Result<(), MailCodeError> {
        let named = request.organization.as_ref();
        let snapshot = self.ceremonies.snapshot_for(caller, named).await?;
        let organization = snapshot.organization(request.organization)?;
        let party = match snapshot.party(caller, &organization) {
            Ok(party) => party,
            Err(PartyError::OriginNotAllowed) => return Err(MailCodeError::OriginNotAllowed),
            Err(PartyError::ForeignOrigin | PartyError::NoApplication) => return Ok(()),
        };
        let lifetime = request.kind.lifetime(&self.ceremonies.policy.lifetimes);
        let wanted = Wanted {
            address: caller.address,
            until: Instant::now() + lifetime.min(PATIENCE),
            kind: request.kind,
            organization,
            username: request.username,
            application: party.is_bound.then(|| party.application.name.clone()),
        };
        if !self.queue.put(wanted) {
            tracing::warn!("more codes are asked for than can be mailed; one was not");
        }
        Ok(())
    }

    /// Works on requests as they come, until `stop` completes and then on what waits: it was answered
    /// already. While the store is not available, one request is tried every five seconds, as long as a code
    /// of its kind would live; only then does what waits stay when the end comes. It may be called again, and
    /// several times at once: each request is worked on once.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                wanted = self.queue.next(pause) => {
                    let is_available = self.work_on(wanted).await;
                    pause = if is_available { Duration::ZERO } else { PAUSE };
                }
            }
        }
        while let Some(wanted) = self.queue.take() {
            if !self.work_on(wanted).await {
                let count = self.queue.len();
                tracing::error!(count, "the codes that were asked for last are not mailed");
                break;
            }
        }
    }

    /// Mails a code, and gives whether the store is available for the next one; if not, this one waits again.
    async fn work_on(&self, wanted: Wanted) -> bool {
        let error = match caught(self.mail(&wanted)).await {
            Some(Ok(())) => return true,
            Some(Err(error)) => error,
            None => {
                tracing::error!("a panic kept a code from being mailed: there is a defect");
                return true;
            }
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        match error {
            StoreError::Failed(_) => {
                tracing::error!(%error, cause, "a code could not be mailed");
                true
            }
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, cause, "a code could not be mailed yet and is tried again");
                self.queue.put_back(wanted);
                false
            }
        }
    }

    /// Issues a code to a user who may have one, with the message that brings it, unless the user has
    /// enough of them or was mailed too many. Another code to register with helps nobody who is not mailed
    /// it; others can be had in no other way, so they are issued to be read where messages are kept.
    ///
    /// It may be tried again when nobody knows whether it was done: at worst the user is mailed another code.
    async fn mail(&self, wanted: &Wanted) -> Result<(), StoreError> {
        let account = self
            .accounts
            .find_by_username(&wanted.organization, &wanted.username)
            .await?
            .filter(|account| wanted.kind.is_for(&account.user));
        let Some(account) = account else {
            return Ok(());
        };
        let has = |kind| has_active(&account.credentials, kind);
        let can_use_it = match wanted.kind {
            AccountCodeKind::Registration => self.mailer.reaches(&account.user.username),
            AccountCodeKind::Login => has(CredentialKind::PasswordProtectedKey),
            AccountCodeKind::Recovery => has(CredentialKind::RecoveryKey),
        };
        if !can_use_it {
            return Ok(());
        }
        let user = &account.user;
        let digester = self.digester.as_ref();
        let (new, text) = draw(&self.ceremonies, digester, user, wanted.kind);
        let messages = &self.ceremonies.messages;
        let expires = new.code.expires;
        let asked = AskedCode {
            text: &text,
            expires,
            application: wanted.application.as_ref(),
        };
        let message = match wanted.kind {
            AccountCodeKind::Registration => messages.registration(user, &text, expires).await?,
            AccountCodeKind::Login => messages.login_code(user, &asked),
            AccountCodeKind::Recovery => messages.recovery_code(user, &asked),
        };
        let reserved = self
            .throttle
            .reserve_mail(wanted.address, &user.id, wanted.kind);
        let events = &self.ceremonies.events;
        let facts = Facts {
            address: Some(wanted.address),
            ..Facts::default()
        }
        .about(user);
        let reservation = match reserved {
            Ok(reservation) => reservation,
            Err(throttled) => {
                // Whoever asked is told nothing.
                let _throttled = events.tell::<(), _>(Event::MailCode, &facts, Err(throttled));
                return Ok(());
            }
        };
        let (id, kind) = (message.id.clone(), message.kind);
        let issued = self.codes.issue(new, message).await;
        // A user who has enough live codes gets none, nor one who was deactivated or registered meanwhile.
        if !matches!(issued, Ok(true)) {
            self.throttle.give_back(reservation);
        }
        match issued {
            Ok(true) => {
                messages.say_if_it_waits(&id, kind);
                events.tell(Event::MailCode, &facts, Ok(()))
            }
            Ok(false) => Ok(()),
            Err(error) => events.tell(Event::MailCode, &facts, Err(error)),
        }
    }
}

fn has_active(credentials: &[Credential], kind: CredentialKind) -> bool {
    credentials
        .iter()
        .any(|credential| credential.is_active() && credential.kind() == kind)
}

#[cfg(test)]
mod tests;

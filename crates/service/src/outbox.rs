//! The outbox: messages are sent after the change they tell about took effect, with retries, safely on
//! several replicas.
//!
//! A message is claimed for a while, sent, and then removed; whoever sends it for longer says so in time. A process
//! that dies in between leaves it to the next one when the lease ends, so a message is sent at least once, and
//! normally exactly once. One is sent after another, as long as that goes quickly: nobody waits behind a message that
//! its mail server takes minutes to accept, and no recipient and no domain has more than its share of what is being
//! sent. What cannot be sent stays as long as it is worth it, and `trouble` tells when that is not its own fault.

mod recipients;
mod trouble;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use futures_util::future::join_all;
use latchkey_domain::{id::MessageId, message::MessageKind, text::Username, time::Timestamp};
use tokio::{
    sync::{Mutex, MutexGuard, watch},
    time::{sleep, timeout},
};

pub(crate) use self::recipients::Recipients;
pub use self::trouble::Trouble;
use crate::{
    events::{Event, LeftEvents},
    messages::{Messages, say_it_waits},
    mishaps::{caught, warn_of},
    ports::{
        clock::Clock,
        mailer::{Delivery, DeliveryError, Mail, Mailer, MessageContent},
        message_store::{
            ClaimedMessage, ListedMessage, MessageState, MessageStore, Pending, Postponement, Which,
        },
        store::StoreError,
    },
};

/// How often messages that are due are looked for: one read.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a database that fails.
const PAUSE: Duration = Duration::from_secs(10);

/// How many messages are being sent at most, by one process.
const SENDERS: u32 = 16;

/// How long a message is waited for before the next one is begun beside it.
const TURN: Duration = Duration::from_secs(5);

/// How long sending one message may take: longer than a mail server has for each of its answers (RFC 5321 §4.5.3.2).
const PATIENCE: Duration = Duration::from_mins(11);

/// How long what is being sent may take when the work stops.
const FINISHING: Duration = Duration::from_mins(1);

/// How long a message waits for others to the same recipient or domain, each time that it meets them.
const SHARE_PAUSE: Duration = Duration::from_secs(10);

/// How long a message stays with who took it and has died since.
const LEASE: Duration = Duration::from_mins(2);

/// How often whoever sends a message says that it is still theirs: several times within a lease, since the database
/// may be away.
const RENEWAL: Duration = Duration::from_secs(30);

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A message that waits, opened.
pub struct OpenMessage {
    /// Identifies it.
    pub id: MessageId,
    /// What it is about.
    pub kind: MessageKind,
    /// Who it is for.
    pub to: Username,
    /// What it says.
    pub content: MessageContent,
    /// When it was written.
    pub created: Timestamp,
    /// From this moment on it is not worth sending.
    pub expires: Timestamp,
    /// How often somebody took it to send it.
    pub tries: u32,
    /// What becomes of it.
    pub state: MessageState,
    /// Why it could not be sent the last time.
    pub failure: Option<String>,
}

/// What is still to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages; none where nothing is sent.
    pub count: u64,
    /// How long the oldest of them has waited.
    pub age: Duration,
}

/// Sends messages.
pub struct Outbox {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn MessageStore>,
    pub(crate) messages: Arc<Messages>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) events: LeftEvents,
    /// What keeps messages from being sent.
    pub trouble: Arc<Trouble>,
    pub(crate) turn: Turn,
    pub(crate) recipients: Recipients,
}

/// Whose turn it is to look for a message and to begin with it.
pub(crate) type Turn = Mutex<()>;

impl Outbox {
    /// Sends what is due until the sender of `stops` is dropped; what is being sent then is finished, if that takes a
    /// minute at most. While nothing is due it costs one read a second, and where nothing is sent none.
    pub(crate) async fn run(&self, mut stops: watch::Receiver<()>) {
        let queue = Turn::default();
        let senders = (0..SENDERS).map(|_| self.send_what_comes(&queue, stops.clone()));
        let senders = join_all(senders);
        let over = async {
            // The sender is dropped, never used.
            let _dropped = stops.changed().await;
            sleep(FINISHING).await;
        };
        tokio::select! {
            _all = senders => {}
            () = over => {
                tracing::warn!("a message was still being sent, and is sent again by whoever works next");
            }
        }
    }

    async fn send_what_comes(&self, queue: &Turn, mut stops: watch::Receiver<()>) {
        while let Some((claimed, turn)) = self.next(queue, &mut stops).await {
            self.send(&claimed, turn).await;
        }
    }

    /// The next message, as soon as one is due, with the turn; nothing once none is to be begun any more. Senders wait
    /// for the turn one at a time, so that whoever needs it to keep a message does not wait for all of them.
    async fn next(
        &self,
        queue: &Turn,
        stops: &mut watch::Receiver<()>,
    ) -> Option<(ClaimedMessage, MutexGuard<'_, ()>)> {
        loop {
            let _first = queue.lock().await;
            let turn = self.turn.lock().await;
            if stops.has_changed().is_err() {
                return None;
            }
            let pause = match self.claim().await {
                Ok(Some(claimed)) => return Some((claimed, turn)),
                Ok(None) => INTERVAL,
                Err(error) => {
                    warn_of(&error, "messages could not be sent");
                    PAUSE
                }
            };
            if timeout(pause, stops.changed()).await.is_ok() {
                return None;
            }
        }
    }

    /// Takes a message that is due.
    async fn claim(&self) -> Result<Option<ClaimedMessage>, StoreError> {
        if !self.mailer.sends() {
            self.trouble.ends();
            return Ok(None);
        }
        let now = self.clock.now();
        let claimed = self.store.claim(now, LEASE, 1).await?.pop();
        if claimed.is_none()
            && self.is_in_trouble()
            && self.store.pending(now).await?.count == 0
            && self.trouble.ends()
        {
            tracing::info!("no message waits any more");
        }
        Ok(claimed)
    }

    /// Every message that waits, oldest first. What this installation cannot open is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting(&self) -> Result<Vec<OpenMessage>, StoreError> {
        let waiting = self.store.waiting(self.clock.now()).await?;
        Ok(waiting
            .into_iter()
            .filter_map(|message| self.open(message))
            .collect())
    }

    /// How many messages wait that are among those, whether or not they can be opened here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count(&self, which: &Which) -> Result<usize, StoreError> {
        let waiting = self.store.waiting(self.clock.now()).await?;
        let is_among = |listed: &&ListedMessage| match which {
            Which::All => true,
            Which::Failed => matches!(listed.state, MessageState::Failed(_)),
            Which::Kept => listed.state == MessageState::Kept,
            Which::One(id) => listed.message.id == *id,
        };
        Ok(waiting.iter().filter(is_among).count())
    }

    /// How many messages are still to be sent, and how long the oldest of them has waited.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        if !self.mailer.sends() {
            return Ok(Backlog::default());
        }
        let now = self.clock.now();
        let Pending { count, oldest } = self.store.pending(now).await?;
        Ok(Backlog {
            count,
            age: oldest.map(|oldest| now.since(oldest)).unwrap_or_default(),
        })
    }

    /// Has messages sent at once that wait for a later try, or were kept; gives how many those are. One that somebody
    /// is just sending is not sent a second time for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry(&self, which: &Which) -> Result<u64, StoreError> {
        self.store.hasten(which).await
    }

    /// Deletes messages unsent, and gives how many those were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(&self, which: &Which) -> Result<u64, StoreError> {
        let discarded = self.store.discard(which).await?;
        if discarded > 0 {
            self.events.leave(Event::DropMessages).await;
        }
        Ok(discarded)
    }

    /// Whether this process could not send a message, for a reason that is not the message's own, while some wait, and
    /// has heard since of none that it is taken, or refused for its own sake.
    pub fn is_in_trouble(&self) -> bool {
        self.trouble.is_there()
    }

    fn open(&self, listed: ListedMessage) -> Option<OpenMessage> {
        let ListedMessage {
            message,
            tries,
            state,
            failure,
        } = listed;
        let content = self.messages.open(&message.id, &message.sealed).ok()?;
        Some(OpenMessage {
            id: message.id,
            kind: message.kind,
            to: message.to,
            content,
            created: message.created,
            expires: message.expires,
            tries,
            state,
            failure,
        })
    }

    /// Sends a message, unless others to the same recipient or domain have to come first, and notes what came of it.
    /// The turn ends with it, or when it takes long.
    async fn send(&self, claimed: &ClaimedMessage, turn: MutexGuard<'_, ()>) {
        let mut turn = Some(turn);
        let Some(_sending) = self.recipients.begin(&claimed.message.to) else {
            // Nobody tried it, so the pauses of what failed are not for it.
            let postponed = self.postponed_by(
                claimed,
                SHARE_PAUSE,
                "others to the same recipient or domain take long",
            );
            return self.settle(claimed, postponed, turn).await;
        };
        let mut attempt = pin!(self.attempt(claimed));
        let outcome = match timeout(TURN, &mut attempt).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                turn = None;
                attempt.await
            }
        };
        let postponed = self.postponed_after(claimed, outcome);
        self.settle(claimed, postponed, turn).await;
    }

    /// Tries to deliver a message, and keeps others from taking it meanwhile.
    async fn attempt(&self, claimed: &ClaimedMessage) -> Result<Delivery, DeliveryError> {
        tokio::select! {
            outcome = caught(self.deliver(claimed)) => outcome.unwrap_or_else(|| {
                // One message that always does it must not end the work on all others, again and again.
                let reason = "a panic, so there is a defect, perhaps in the mailer";
                Err(DeliveryError::Transient(reason.into()))
            }),
            never = self.hold(claimed) => match never {},
        }
    }

    /// Until when the message is put back; not at all when it was sent or is dropped.
    fn postponed_after(
        &self,
        claimed: &ClaimedMessage,
        outcome: Result<Delivery, DeliveryError>,
    ) -> Option<Postponement> {
        let ClaimedMessage { message, attempt } = claimed;
        let (id, kind) = (&message.id, message.kind);
        // Whoever has an answer about a message takes messages from us.
        let is_answer = !matches!(
            outcome,
            Ok(Delivery::Kept) | Err(DeliveryError::Transient(_))
        );
        if is_answer && self.trouble.ends() {
            tracing::info!("mail works again");
        }
        match outcome {
            Ok(Delivery::Delivered) => {
                tracing::debug!(message_id = %id, %kind, "a message was sent");
                None
            }
            Ok(Delivery::Kept) => {
                say_it_waits(id, kind);
                Some(Postponement::until(message.expires))
            }
            Err(DeliveryError::Permanent(reason)) => {
                tracing::warn!(
                    message_id = %id,
                    %kind,
                    user = %message.user,
                    reason,
                    "a message cannot be sent and is dropped"
                );
                None
            }
            Err(DeliveryError::Deferred(reason)) => {
                tracing::info!(
                    message_id = %id,
                    %kind,
                    attempt,
                    reason,
                    "a message has to wait and is tried again"
                );
                self.postponed(claimed, &reason)
            }
            Err(DeliveryError::Transient(reason)) => {
                match self.trouble.news(&reason, self.clock.now()) {
                    Some(news) => {
                        tracing::error!(message_id = %id, %kind, attempt, reason, "{news}");
                    }
                    None => {
                        tracing::debug!(message_id = %id, %kind, attempt, reason, "a message could not be sent yet");
                    }
                }
                self.postponed(claimed, &reason)
            }
        }
    }

    /// Until the next try, unless that would be too late.
    fn postponed(&self, claimed: &ClaimedMessage, reason: &str) -> Option<Postponement> {
        self.postponed_by(claimed, pause(claimed.attempt), reason)
    }

    /// The same by that pause.
    fn postponed_by(
        &self,
        claimed: &ClaimedMessage,
        pause: Duration,
        reason: &str,
    ) -> Option<Postponement> {
        let message = &claimed.message;
        let due = self.clock.now().plus(pause);
        if due < message.expires {
            return Some(Postponement::until(due).because(reason));
        }
        tracing::warn!(
            message_id = %message.id,
            kind = %message.kind,
            user = %message.user,
            reason,
            "a message could not be sent while it was worth it and is dropped"
        );
        None
    }

    async fn deliver(&self, claimed: &ClaimedMessage) -> Result<Delivery, DeliveryError> {
        let message = &claimed.message;
        let content = self
            .messages
            .open(&message.id, &message.sealed)
            // Perhaps it is this process that has the wrong secrets, and another one can.
            .map_err(|error| DeliveryError::Transient(error.to_string()))?;
        let mail = Mail {
            id: message.id.clone(),
            kind: message.kind,
            to: message.to.clone(),
            content,
        };
        timeout(PATIENCE, self.mailer.send(mail))
            .await
            .unwrap_or_else(|_elapsed| Err(DeliveryError::Transient("it took too long".to_owned())))
    }

    /// Says in time, again and again, that a message is still being sent. Where that cannot be said, nobody here looks
    /// for messages until it can: this one would be found.
    async fn hold(&self, claimed: &ClaimedMessage) -> Infallible {
        loop {
            sleep(RENEWAL).await;
            let mut turn = None;
            while let Err(error) = self.say_it_is_held(claimed).await {
                warn_of(
                    &error,
                    "a message that is being sent may be taken by another process",
                );
                if turn.is_none() {
                    turn = Some(self.turn.lock().await);
                }
                sleep(PAUSE).await;
            }
        }
    }

    /// Whether it is still this process's to say is of no use: it is being sent.
    async fn say_it_is_held(&self, claimed: &ClaimedMessage) -> Result<(), StoreError> {
        let until = self.clock.now().plus(LEASE);
        self.store.hold(claimed, until).await.map(|_is_ours| ())
    }

    /// Puts a message back, or removes it. A store that is not available is asked again until it is,
    /// and nobody looks for messages meanwhile: what was sent would be found again.
    async fn settle<'turn>(
        &'turn self,
        claimed: &ClaimedMessage,
        postponed: Option<Postponement>,
        mut turn: Option<MutexGuard<'turn, ()>>,
    ) {
        let mut may_be_settled = false;
        loop {
            let settled = match &postponed {
                Some(postponed) => self.store.put_back(claimed, postponed).await,
                None => self.store.remove(claimed).await,
            };
            let error = match settled {
                Ok(is_ours) => {
                    if !is_ours && !may_be_settled {
                        // In the first case it may arrive twice; the second is usual, where what it brings has ended.
                        let id = &claimed.message.id;
                        tracing::info!(
                            message_id = %id,
                            "while a message was being sent, another process took it or it was deleted"
                        );
                    }
                    return;
                }
                Err(error) => error,
            };
            warn_of(&error, "what became of a message could not be noted");
            if matches!(error, StoreError::Failed(_)) {
                return;
            }
            // What was not answered may have been done.
            may_be_settled = true;
            if turn.is_none() {
                turn = Some(self.turn.lock().await);
            }
            sleep(PAUSE).await;
        }
    }
}

/// How long to wait after that many attempts.
fn pause(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;

//! The outbox: messages are sent after the change they tell about took effect, with retries, safely on
//! several replicas.
//!
//! A message is claimed for a while, sent, and then removed. A process that dies in between leaves it
//! to the next one when the lease ends, so a message is sent at least once, and normally exactly once.
//! What cannot be sent stays as long as it is worth it, and `trouble` tells when that is not its own fault.

mod trouble;

use std::{sync::Arc, time::Duration};

use latchkey_domain::{id::MessageId, message::MessageKind, text::Username, time::Timestamp};
use tokio::time::timeout;

pub(crate) use self::trouble::Trouble;
use crate::{
    events::{Event, LeftEvents},
    messages::{Messages, say_it_waits},
    panics::caught,
    ports::{
        clock::Clock,
        mailer::{Delivery, DeliveryError, Mail, Mailer, MessageContent},
        message_store::{
            ClaimedMessage, ListedMessage, MessageState, MessageStore, Pending, Which,
        },
        store::StoreError,
    },
};

/// How many messages are taken at once.
const BATCH: u32 = 6;

/// How long sending one message may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a message stays with who took it: longer than sending a whole batch can take.
const LEASE: Duration = Duration::from_mins(2);

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
    pub(crate) trouble: Trouble,
}

impl Outbox {
    /// Sends a batch of what is due, and gives how many messages that were: there may be more. Of what it has taken
    /// it begins nothing any more once `stops` says so. When nothing is due it costs one read, and where nothing is
    /// sent none.
    ///
    /// # Errors
    /// [`StoreError`]; what was taken is due again when its lease ends.
    pub(crate) async fn run(&self, stops: impl Fn() -> bool) -> Result<usize, StoreError> {
        if !self.mailer.sends() {
            self.trouble.ends();
            return Ok(0);
        }
        let now = self.clock.now();
        let claimed = self.store.claim(now, LEASE, BATCH).await?;
        for message in &claimed {
            if stops() {
                self.put_back(message, self.clock.now()).await?;
            } else {
                self.send(message).await?;
            }
        }
        if claimed.is_empty()
            && self.is_in_trouble()
            && self.store.pending(now).await?.count == 0
            && self.trouble.ends()
        {
            tracing::info!("no message waits any more");
        }
        Ok(claimed.len())
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
        })
    }

    async fn send(&self, claimed: &ClaimedMessage) -> Result<(), StoreError> {
        let ClaimedMessage {
            message, attempt, ..
        } = claimed;
        let (id, kind) = (&message.id, message.kind);
        let outcome = caught(self.deliver(claimed)).await.unwrap_or_else(|| {
            // One message that always does it must not end the work on all others, again and again.
            let reason = "a panic, so there is a defect, perhaps in the mailer";
            Err(DeliveryError::Transient(reason.into()))
        });
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
                self.remove(claimed).await
            }
            Ok(Delivery::Kept) => {
                say_it_waits(id, kind);
                self.put_back(claimed, message.expires).await
            }
            Err(DeliveryError::Permanent(reason)) => {
                tracing::warn!(message_id = %id, %kind, reason, "a message cannot be sent and is dropped");
                self.remove(claimed).await
            }
            Err(DeliveryError::Deferred(reason)) => {
                tracing::info!(message_id = %id, %kind, attempt, reason, "a message has to wait and is tried again");
                self.try_later(claimed, &reason).await
            }
            Err(DeliveryError::Transient(reason)) => {
                if self.trouble.is_told(&reason, self.clock.now()) {
                    tracing::debug!(message_id = %id, %kind, attempt, reason, "a message could not be sent yet");
                } else {
                    tracing::error!(
                        message_id = %id,
                        %kind,
                        attempt,
                        reason,
                        "messages cannot be sent; they are tried again, and this is said once an hour"
                    );
                }
                self.try_later(claimed, &reason).await
            }
        }
    }

    /// Puts a message back until the next try, or drops it when that would be too late.
    async fn try_later(&self, claimed: &ClaimedMessage, reason: &str) -> Result<(), StoreError> {
        let message = &claimed.message;
        let due = self.clock.now().plus(pause(claimed.attempt));
        if due < message.expires {
            return self.put_back(claimed, due).await;
        }
        tracing::warn!(
            message_id = %message.id,
            kind = %message.kind,
            reason,
            "a message could not be sent while it was worth it and is dropped"
        );
        self.remove(claimed).await
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

    async fn remove(&self, claimed: &ClaimedMessage) -> Result<(), StoreError> {
        let kept = self.store.remove(claimed).await?;
        note_loss(claimed, kept);
        Ok(())
    }

    async fn put_back(&self, claimed: &ClaimedMessage, due: Timestamp) -> Result<(), StoreError> {
        let kept = self.store.put_back(claimed, due).await?;
        note_loss(claimed, kept);
        Ok(())
    }
}

/// A message that another process has taken meanwhile may arrive twice.
fn note_loss(claimed: &ClaimedMessage, is_ours: bool) {
    if !is_ours {
        tracing::warn!(message_id = %claimed.message.id, "a message was taken by another process");
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

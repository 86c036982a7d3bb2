//! Messages that wait to be sent.

use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::{
    id::{MessageId, UserId},
    message::{MessageKind, SealedText},
    text::Username,
    time::Timestamp,
};

use super::store::StoreError;

/// A message that waits, with whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingMessage {
    /// Identifies it.
    pub id: MessageId,
    /// What it is about.
    pub kind: MessageKind,
    /// Whose it is.
    pub user: UserId,
    /// The user's present username.
    pub to: Username,
    /// What it says.
    pub sealed: SealedText,
    /// When it was written.
    pub created: Timestamp,
    /// From this moment on it is not worth sending.
    pub expires: Timestamp,
}

/// A message that waits, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMessage {
    /// The message.
    pub message: WaitingMessage,
    /// How often somebody took it to send it.
    pub tries: u32,
    /// What becomes of it.
    pub state: MessageState,
    /// Why it was put back the last time, if that was said.
    pub failure: Option<String>,
}

/// Until when a message is put back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postponement {
    /// When it is due again: never, where that is when it expires.
    pub due: Timestamp,
    /// What kept it from being sent, for whoever runs the service; none where nothing did.
    pub reason: Option<String>,
}

impl Postponement {
    /// Until that moment, for no reason.
    pub const fn until(due: Timestamp) -> Self {
        Self { due, reason: None }
    }

    /// The same for that reason, of which [`MAXIMUM_REASON`] characters are kept.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        Self {
            reason: Some(reason.chars().take(MAXIMUM_REASON).collect()),
            ..self
        }
    }
}

/// How many characters are kept of why a message could not be sent: another system may have said it.
pub const MAXIMUM_REASON: usize = 500;

/// What becomes of a message that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It is sent as soon as somebody can.
    Waiting,
    /// Somebody has it, to send it.
    Sending,
    /// It could not be sent, and is tried again at this moment.
    Failed(Timestamp),
    /// Nobody is to send it: nothing was sent when it was written, or it is for no address.
    Kept,
}

impl MessageState {
    /// That of a message which nobody has.
    pub fn of(message: &WaitingMessage, due: Timestamp) -> Self {
        if due >= message.expires {
            Self::Kept
        } else if due == message.created {
            Self::Waiting
        } else {
            Self::Failed(due)
        }
    }

    /// That of a message which somebody has until the lease ends.
    pub fn with_somebody(lease: Timestamp, now: Timestamp) -> Self {
        if now < lease {
            Self::Sending
        } else {
            Self::Waiting
        }
    }
}

/// A message that one process has taken to send it. It is that process's until another one takes it, which may be
/// when the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedMessage {
    /// The message.
    pub message: WaitingMessage,
    /// How often it was taken, this time included: so it tells this time from others.
    pub attempt: u32,
}

/// Which of the messages that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Those that could not be sent, and are tried again.
    Failed,
    /// Those that nobody is to send.
    Kept,
    /// This one, if it waits.
    One(MessageId),
}

/// How many messages are still to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many.
    pub count: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
}

/// Keeps messages until they are sent. They are written with the change they tell about, see
/// [`Authority::telling`](latchkey_domain::authority::Authority::telling), which says from when on they are due.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Takes at most `batch` messages that are due and have not expired, for `lease` from `now` on: they are due again
    /// when it ends. What expires first comes first, so that no code waits behind notices. Of any number of processes
    /// that call at once each message is given to one. When nothing is due this costs one read. What a newer release
    /// keeps here and this one does not know is left to that one, and is neither counted nor shown.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim(
        &self,
        now: Timestamp,
        lease: Duration,
        batch: u32,
    ) -> Result<Vec<ClaimedMessage>, StoreError>;

    /// Removes a message that was sent, or cannot be; `false` when it is another process's by now.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&self, claimed: &ClaimedMessage) -> Result<bool, StoreError>;

    /// Keeps a message for whoever is still sending it, until another moment than that at which its lease ends;
    /// `false` when it is nobody's or another process's by now.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hold(&self, claimed: &ClaimedMessage, until: Timestamp) -> Result<bool, StoreError>;

    /// Puts a message back; `false` when it is another process's by now.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_back(
        &self,
        claimed: &ClaimedMessage,
        postponed: &Postponement,
    ) -> Result<bool, StoreError>;

    /// How many messages somebody is still to send: those that have not expired and are due before they do, or were
    /// [hastened](Self::hasten); one statement.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn pending(&self, now: Timestamp) -> Result<Pending, StoreError>;

    /// Makes messages due that were put back, or that nobody was to send, and tells how many those are. The others are
    /// due already, or somebody has them. Nobody's clock is asked, so expired ones may be among them; nobody takes
    /// those.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hasten(&self, which: &Which) -> Result<u64, StoreError>;

    /// Deletes messages, whoever may be sending them, and tells how many those were.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn discard(&self, which: &Which) -> Result<u64, StoreError>;

    /// Every message that waits and has not expired, oldest first; one statement.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting(&self, now: Timestamp) -> Result<Vec<ListedMessage>, StoreError>;
}

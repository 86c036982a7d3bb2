//! Delivery of messages.

use async_trait::async_trait;
use latchkey_domain::{id::MessageId, message::MessageKind, text::Username};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A message that is to be sent now.
pub struct Mail {
    /// Identifies it; a recipient's system may tell by it that it got the message twice.
    pub id: MessageId,
    /// What it is about.
    pub kind: MessageKind,
    /// Who it is for: an e-mail address, if it can be sent at all.
    pub to: Username,
    /// What it says.
    pub content: MessageContent,
}

/// What a message says. It may hold a live code, so it has no `Debug` and is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct MessageContent {
    /// One line.
    pub subject: String,
    /// The message as plain text.
    pub text: String,
    /// The same as HTML, without any external resource.
    pub html: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The next system took it.
    Delivered,
    /// It is not sent anywhere, since nothing is, or its user has no address: it stays where it is, to be read by
    /// whoever runs the service, until it expires.
    Kept,
}

/// Why a message is not delivered. It holds no content and no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// It may succeed later: nobody answered, or the other side does not work, or it refuses *us*, which
    /// somebody can mend. Whoever runs the service is told, so the text says what there is to mend.
    #[error("not now: {0}")]
    Transient(String),
    /// It may succeed later: the other side works, and asks to come again with what is for this recipient or
    /// has this content. Nobody has anything to mend.
    #[error("not yet: {0}")]
    Deferred(String),
    /// It will never succeed, whoever mends what: the other side has refused this
    /// recipient or this content for good. The message is dropped.
    #[error("never: {0}")]
    Permanent(String),
}

/// Sends messages, one after another as long as that goes quickly: a replica gives the next one when the last is
/// settled or has taken five seconds, and sixteen at once at most.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Whether messages reach whom they are for; `false` when they stay where they are, to be read by
    /// whoever runs the service. Where nothing is sent, [`send`](Self::send) is not called.
    fn sends(&self) -> bool {
        true
    }

    /// Whether messages reach this user: no stranger can ask for another invitation of whom they do not.
    fn reaches(&self, user: &Username) -> bool {
        let _ = user;
        self.sends()
    }

    /// Sends one message. It has eleven minutes, or one when the process stops; then the call is dropped where it
    /// stands, which counts as [`DeliveryError::Transient`]. It may be called again for a message that was
    /// delivered, when the process stopped, or the time was over, before that was noted.
    ///
    /// # Errors
    /// [`DeliveryError`]. What is transient or deferred is tried again after 5 seconds, then each time after twice as
    /// long and at most an hour, while the message is worth it. Of what is transient the log says each reason once an
    /// hour (a few of them, and anew after it worked), and `/health/ready` says that mail is degraded until the other
    /// side takes, defers or refuses a message, or none waits any more. A panic counts as transient.
    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError>;
}

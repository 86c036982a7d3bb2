//! Messages: what a user is told outside the API, by mail.

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    id::{MessageId, UserId},
    time::Timestamp,
};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// An invitation, with the code to register with.
    Registration,
    /// A code that hands out a key whose private half is kept.
    LoginCode,
    /// A code that begins a recovery.
    RecoveryCode,
    /// A credential was added.
    CredentialAdded,
    /// A credential waits for approval.
    CredentialWaits,
    /// A credential was deactivated.
    CredentialDeactivated,
    /// A credential was deleted.
    CredentialDeleted,
    /// The account was recovered: every earlier credential has ended.
    AccountRecovered,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Registration,
        Self::LoginCode,
        Self::RecoveryCode,
        Self::CredentialAdded,
        Self::CredentialWaits,
        Self::CredentialDeactivated,
        Self::CredentialDeleted,
        Self::AccountRecovered,
    ];

    /// How long a notice is tried to be sent. A code is tried while it lives.
    pub const NOTICE_LIFETIME: Duration = Duration::from_hours(24 * 7);

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "Registration",
            Self::LoginCode => "LoginCode",
            Self::RecoveryCode => "RecoveryCode",
            Self::CredentialAdded => "CredentialAdded",
            Self::CredentialWaits => "CredentialWaits",
            Self::CredentialDeactivated => "CredentialDeactivated",
            Self::CredentialDeleted => "CredentialDeleted",
            Self::AccountRecovered => "AccountRecovered",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that names no kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a kind of message")]
pub struct MessageKindError;

impl FromStr for MessageKind {
    type Err = MessageKindError;

    fn from_str(text: &str) -> Result<Self, MessageKindError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(MessageKindError)
    }
}

/// A text that only this installation can read: it may hold a live code, so it is kept sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedText(Vec<u8>);

impl SealedText {
    /// Takes sealed bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The sealed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealedText")
    }
}

/// A message that is to be kept with the change it tells about, and sent after it took effect. Its
/// recipient is the user's username at the moment it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Identifies it; not secret.
    pub id: MessageId,
    /// What it is about.
    pub kind: MessageKind,
    /// Who is told.
    pub user: UserId,
    /// What it says.
    pub sealed: SealedText,
    /// When it was written.
    pub created: Timestamp,
    /// From this moment on it is not worth sending.
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_by_its_name() {
        for kind in MessageKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("Newsletter".parse::<MessageKind>(), Err(MessageKindError));
    }

    #[test]
    fn a_sealed_text_does_not_show_its_bytes() {
        let shown = format!("{:?}", SealedText::new(vec![77, 77]));
        assert!(!shown.contains("77"), "{shown}");
    }
}

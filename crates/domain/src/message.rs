//! Messages: what a user is told outside the API, by mail.

use std::{fmt, time::Duration};

use crate::{
    id::{MessageId, UserId},
    names::named,
    time::Timestamp,
};

named! {
    /// What a message is about.
    MessageKind {
        /// An invitation, with the code to register with.
        Registration => "Registration",
        /// A code that hands out a key whose private half is kept.
        LoginCode => "LoginCode",
        /// A code that begins a recovery.
        RecoveryCode => "RecoveryCode",
        /// A credential was added.
        CredentialAdded => "CredentialAdded",
        /// A credential waits for approval.
        CredentialWaits => "CredentialWaits",
        /// A credential was activated again.
        CredentialActivated => "CredentialActivated",
        /// A credential was deactivated.
        CredentialDeactivated => "CredentialDeactivated",
        /// A credential was deleted.
        CredentialDeleted => "CredentialDeleted",
        /// The account was recovered: every earlier credential has ended.
        AccountRecovered => "AccountRecovered",
        /// The account was activated again, and with it every credential that is active.
        AccountActivated => "AccountActivated",
        /// The user became an administrator.
        AdministratorMade => "AdministratorMade",
    }
    /// A text that names no kind of message.
    MessageKindError => "is not a kind of message"
}

impl MessageKind {
    /// How long a notice is tried to be sent. A code is tried while it lives.
    pub const NOTICE_LIFETIME: Duration = Duration::from_hours(24 * 7);

    /// Whether it hands over a code, and is worth nothing when that code has ended. The others are notices.
    pub const fn has_code(self) -> bool {
        match self {
            Self::Registration | Self::LoginCode | Self::RecoveryCode => true,
            Self::CredentialAdded
            | Self::CredentialWaits
            | Self::CredentialActivated
            | Self::CredentialDeactivated
            | Self::CredentialDeleted
            | Self::AccountRecovered
            | Self::AccountActivated
            | Self::AdministratorMade => false,
        }
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
    /// From when on it is to be sent; one that expires by then is sent by nobody, and waits to be read where messages
    /// are kept.
    pub due: Timestamp,
    /// From this moment on it is not worth sending.
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_worth_sending_for_a_week() {
        let week = Duration::from_hours(7 * 24);
        assert_eq!(MessageKind::NOTICE_LIFETIME, week);
    }

    #[test]
    fn what_hands_over_a_code_is_no_notice() {
        let kinds = MessageKind::ALL.iter().copied();
        let with_code: Vec<_> = kinds.filter(|kind| kind.has_code()).collect();
        assert_eq!(
            with_code,
            [
                MessageKind::Registration,
                MessageKind::LoginCode,
                MessageKind::RecoveryCode
            ]
        );
    }

    #[test]
    fn a_sealed_text_does_not_show_its_bytes() {
        let sealed = SealedText::new(vec![77, 78]);
        assert_eq!(sealed.as_bytes(), [77, 78]);
        assert_eq!(format!("{sealed:?}"), "SealedText");
    }
}

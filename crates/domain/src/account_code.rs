//! Account codes: codes that are mailed or handed to a user, and each let do one thing.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use crate::{
    credential_code::{self, CodeDigest, CodeText, REGISTRATION_PREFIX},
    id::{AccountCodeId, UserId},
    message::MessageKind,
    names::named,
    policy::Lifetimes,
    time::Timestamp,
    user::{Epoch, User},
};

named! {
    /// What an account code is for.
    AccountCodeKind {
        /// For registration/init: an invited user makes the first credentials.
        Registration => "Registration",
        /// For login/init: hands out a key whose private half is kept.
        Login => "Login",
        /// For recover/init: hands out a recovery key, and begins a recovery.
        Recovery => "Recovery",
    }
    /// A text that names no kind of account code.
    AccountCodeKindError => "is not a kind of account code"
}

impl AccountCodeKind {
    /// A new code. One to register with has 256 random bits, because it stands without a second factor,
    /// and begins so that people and scanners recognise it. The others, `XXX-XXX-XXX`, have 45 and are
    /// only taken together with the username. NIST SP 800-63B-4 §4.1.2.2 asks for at least 112 and 40.
    pub fn draw(self, random: &[u8; 32]) -> CodeText {
        match self {
            Self::Registration => CodeText::new(format!(
                "{REGISTRATION_PREFIX}{}",
                BASE64URL_NOPAD.encode(random)
            )),
            Self::Login | Self::Recovery => credential_code::short_from_random(random),
        }
    }

    /// How long one lives.
    pub const fn lifetime(self, lifetimes: &Lifetimes) -> Duration {
        match self {
            Self::Registration => lifetimes.registration_code,
            Self::Login | Self::Recovery => AccountCode::SHORT_LIFETIME,
        }
    }

    /// What hands it over, where it is mailed; worth nothing once the code has ended.
    pub const fn message(self) -> MessageKind {
        match self {
            Self::Registration => MessageKind::Registration,
            Self::Login => MessageKind::LoginCode,
            Self::Recovery => MessageKind::RecoveryCode,
        }
    }

    /// Whether a user can have one: who is active, and to register with only who has not done so.
    pub const fn is_for(self, user: &User) -> bool {
        user.is_active
            && match self {
                Self::Registration => user.registered.is_none(),
                Self::Login | Self::Recovery => true,
            }
    }
}

/// An account code as it is kept: without the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCode {
    /// Identifies it; whoever uses a code uses exactly this one.
    pub id: AccountCodeId,
    /// Whose it is.
    pub user: UserId,
    /// The user's epoch when it was issued; it ends with it.
    pub epoch: Epoch,
    /// What it is for.
    pub kind: AccountCodeKind,
    /// When it was issued.
    pub issued: Timestamp,
    /// From this moment on it is void.
    pub expires: Timestamp,
}

impl AccountCode {
    /// How long a short one lives (NIST SP 800-63B-4 §4.1.2.2 allows no more).
    pub const SHORT_LIFETIME: Duration = Duration::from_mins(10);

    /// How many of a kind that are live a user can be mailed: asking for one more does nothing, so nobody
    /// who asks voids what was mailed.
    pub const MAXIMUM_LIVE: usize = 3;

    /// How long one is kept after it has expired: what was begun with it may be completed for an hour, and
    /// clocks differ.
    pub const KEPT_AFTER_EXPIRY: Duration = Duration::from_hours(2);

    /// Whether it is one for this user, its owner, as the user is now.
    pub fn serves(&self, user: &User) -> bool {
        self.user == user.id && self.epoch == user.epoch && self.kind.is_for(user)
    }

    /// Whether it can still be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}

/// A code that is to be issued: its digest in place of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccountCode {
    /// The code.
    pub code: AccountCode,
    /// The digest of its text.
    pub digest: CodeDigest,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, EPOCH, NOW};

    #[test]
    fn what_hands_over_a_code_is_the_message_of_a_kind_of_code() {
        let messages = MessageKind::ALL.iter().filter(|kind| kind.has_code());
        let of_codes = AccountCodeKind::ALL.iter().map(|kind| kind.message());
        assert!(messages.copied().eq(of_codes));
    }

    #[test]
    fn each_kind_has_its_form_and_its_lifetime() {
        let facts = AccountCodeKind::ALL.iter().map(|kind| {
            (
                kind.draw(&[0; 32]).reveal().to_owned(),
                kind.lifetime(&Lifetimes::default()).as_secs(),
            )
        });
        let long = format!("rc_{}", "A".repeat(43));
        let short = || "AAA-AAA-AAA".to_owned();
        let expected = [(long, 14_400), (short(), 600), (short(), 600)];
        assert!(facts.eq(expected));
    }

    fn code(kind: AccountCodeKind) -> AccountCode {
        AccountCode {
            id: AccountCodeId::from_random(&[1; 32]),
            user: samples::user(),
            epoch: EPOCH,
            kind,
            issued: Timestamp::from_unix_milliseconds(0),
            expires: Timestamp::from_unix_milliseconds(600_000),
        }
    }

    /// One who has not registered.
    fn owner() -> User {
        User {
            registered: None,
            ..samples::owner()
        }
    }

    #[test]
    fn a_code_serves_its_active_owner_in_the_epoch_it_was_issued_in() {
        let registered = User {
            registered: Some(NOW),
            ..owner()
        };
        let others = [
            User {
                id: UserId::from_random(&[9; 32]),
                ..owner()
            },
            User {
                is_active: false,
                ..owner()
            },
            User {
                epoch: EPOCH.next(),
                ..owner()
            },
        ];
        for kind in AccountCodeKind::ALL {
            let code = code(*kind);
            assert!(code.serves(&owner()), "{kind}");
            for other in &others {
                assert!(!code.serves(other), "{kind} {other:?}");
            }
            let is_to_register = *kind == AccountCodeKind::Registration;
            assert_eq!(code.serves(&registered), !is_to_register, "{kind}");
        }
    }

    #[test]
    fn a_code_lives_until_it_expires() {
        let code = code(AccountCodeKind::Login);
        assert!(code.is_live(Timestamp::from_unix_milliseconds(599_999)));
        assert!(!code.is_live(Timestamp::from_unix_milliseconds(600_000)));
    }
}

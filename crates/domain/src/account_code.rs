//! Account codes: codes that are mailed or handed to a user, and each let do one thing.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use crate::{
    credential_code::{self, CodeDigest, CodeText},
    id::{AccountCodeId, UserId},
    names::named,
    policy::Lifetimes,
    time::Timestamp,
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
            Self::Registration => CodeText::new(format!("rc_{}", BASE64URL_NOPAD.encode(random))),
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

    /// How many a user can have; one more takes the place of the oldest.
    pub const fn maximum_per_user(self) -> u64 {
        match self {
            Self::Registration => 1,
            Self::Login | Self::Recovery => 3,
        }
    }
}

/// An account code as it is kept: without the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCode {
    /// Identifies it; whoever uses a code uses exactly this one, so a newer one voids an older one.
    pub id: AccountCodeId,
    /// Whose it is.
    pub user: UserId,
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

    #[test]
    fn each_kind_has_its_form_its_lifetime_and_its_number() {
        let facts = AccountCodeKind::ALL.iter().map(|kind| {
            (
                kind.draw(&[0; 32]).reveal().to_owned(),
                kind.lifetime(&Lifetimes::default()).as_secs(),
                kind.maximum_per_user(),
            )
        });
        let long = format!("rc_{}", "A".repeat(43));
        let short = || "AAA-AAA-AAA".to_owned();
        let expected = [(long, 14_400, 1), (short(), 600, 3), (short(), 600, 3)];
        assert!(facts.eq(expected));
    }

    #[test]
    fn a_code_lives_until_it_expires() {
        let code = AccountCode {
            id: AccountCodeId::from_random(&[1; 32]),
            user: UserId::from_random(&[2; 32]),
            kind: AccountCodeKind::Login,
            issued: Timestamp::from_unix_milliseconds(0),
            expires: Timestamp::from_unix_milliseconds(600_000),
        };
        assert!(code.is_live(Timestamp::from_unix_milliseconds(599_999)));
        assert!(!code.is_live(Timestamp::from_unix_milliseconds(600_000)));
    }
}

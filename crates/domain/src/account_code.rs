//! Account codes: codes that are mailed or handed to a user, and each let do one thing.

use std::{fmt, str::FromStr, time::Duration};

use data_encoding::BASE64URL_NOPAD;

use crate::{
    credential_code::{self, CodeDigest, CodeText},
    id::{AccountCodeId, UserId},
    policy::Lifetimes,
    time::Timestamp,
};

/// What an account code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountCodeKind {
    /// For registration/init: an invited user makes the first credentials.
    Registration,
    /// For login/init: hands out a key whose private half is kept.
    Login,
    /// For recover/init: hands out a recovery key, and begins a recovery.
    Recovery,
}

impl AccountCodeKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "Registration",
            Self::Login => "Login",
            Self::Recovery => "Recovery",
        }
    }

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

impl fmt::Display for AccountCodeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that names no kind of account code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a kind of account code")]
pub struct AccountCodeKindError;

impl FromStr for AccountCodeKind {
    type Err = AccountCodeKindError;

    fn from_str(text: &str) -> Result<Self, AccountCodeKindError> {
        match text {
            "Registration" => Ok(Self::Registration),
            "Login" => Ok(Self::Login),
            "Recovery" => Ok(Self::Recovery),
            _ => Err(AccountCodeKindError),
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

    const KINDS: [AccountCodeKind; 3] = [
        AccountCodeKind::Registration,
        AccountCodeKind::Login,
        AccountCodeKind::Recovery,
    ];

    #[test]
    fn kinds_are_read_back_by_their_names() {
        for kind in KINDS {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!(
            "login".parse::<AccountCodeKind>(),
            Err(AccountCodeKindError)
        );
    }

    #[test]
    fn each_kind_has_its_form_its_lifetime_and_its_number() {
        let facts = KINDS.map(|kind| {
            (
                kind.draw(&[0; 32]).reveal().to_owned(),
                kind.lifetime(&Lifetimes::default()).as_secs(),
                kind.maximum_per_user(),
            )
        });
        let long = format!("rc_{}", "A".repeat(43));
        let short = || "AAA-AAA-AAA".to_owned();
        assert_eq!(
            facts,
            [(long, 14_400, 1), (short(), 600, 3), (short(), 600, 3)]
        );
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

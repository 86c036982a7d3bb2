//! Account codes: short codes that are mailed to a user, and hand something out.

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    credential_code::{self, CodeDigest, CodeText},
    id::{AccountCodeId, UserId},
    time::Timestamp,
};

/// What an account code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountCodeKind {
    /// For login/init: hands out a key whose private half is kept.
    Login,
    /// For recover/init: hands out a recovery key, and begins a recovery.
    Recovery,
}

impl AccountCodeKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "Login",
            Self::Recovery => "Recovery",
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
            "Login" => Ok(Self::Login),
            "Recovery" => Ok(Self::Recovery),
            _ => Err(AccountCodeKindError),
        }
    }
}

/// A new code of 45 random bits, `XXX-XXX-XXX`. It is only taken together with the username, so NIST SP
/// 800-63B-4 §4.1.2.2 asks for at least 40.
pub fn from_random(random: &[u8; 32]) -> CodeText {
    credential_code::short_from_random(random)
}

/// An account code as it is kept: without the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCode {
    /// Identifies it; not secret.
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
    /// How long one lives (NIST SP 800-63B-4 §4.1.2.2 allows no more).
    pub const LIFETIME: Duration = Duration::from_mins(10);

    /// How many live ones of a kind a user can have; one more takes the place of the oldest.
    pub const MAXIMUM_PER_USER: u64 = 3;

    /// A code that is issued now.
    pub fn issue(
        id: AccountCodeId,
        user: UserId,
        kind: AccountCodeKind,
        issued: Timestamp,
    ) -> Self {
        Self {
            id,
            user,
            kind,
            issued,
            expires: issued.plus(Self::LIFETIME),
        }
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

    #[test]
    fn kinds_are_read_back_by_their_names() {
        for kind in [AccountCodeKind::Login, AccountCodeKind::Recovery] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(
            "login".parse::<AccountCodeKind>(),
            Err(AccountCodeKindError)
        );
    }

    #[test]
    fn a_code_lives_for_ten_minutes() {
        let issued = Timestamp::from_unix_milliseconds(0);
        let code = AccountCode::issue(
            AccountCodeId::from_random(&[1; 32]),
            UserId::from_random(&[2; 32]),
            AccountCodeKind::Login,
            issued,
        );
        assert!(code.is_live(Timestamp::from_unix_milliseconds(599_999)));
        assert!(!code.is_live(Timestamp::from_unix_milliseconds(600_000)));
    }
}

//! Approval: where an organization asks for it, a credential made with a code waits until its owner
//! approves or refuses it. What waits proves nothing, and is gone when its time is over.

use std::time::Duration;

use crate::{
    id::{CredentialCodeId, CredentialUuid, OrganizationId, UserId},
    names::named,
    time::Timestamp,
};

/// How long a credential waits for its owner.
pub const LIFETIME: Duration = Duration::from_mins(5);

/// How long the other place can still ask for the outcome when the wait is over.
const AFTERMATH: Duration = Duration::from_mins(5);

/// What an owner decides about a credential that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It can be used from now on.
    Approved,
    /// It is deleted.
    Refused,
}

/// The wait of a credential: how it ended, or when it will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// From this moment on it is too late.
    pub expires: Timestamp,
    /// What the owner decided, if anything.
    pub verdict: Option<Verdict>,
}

named! {
    /// What a wait looks like at a given moment.
    WaitStatus {
        /// The owner has not decided.
        Waiting => "Waiting",
        /// The credential can be used.
        Approved => "Approved",
        /// The owner does not want the credential.
        Refused => "Refused",
        /// The owner did not decide in time.
        Expired => "Expired",
    }
}

impl Wait {
    /// A wait that begins.
    pub fn begin(now: Timestamp) -> Self {
        Self {
            expires: now.plus(LIFETIME),
            verdict: None,
        }
    }

    /// What it looks like at `now`.
    pub fn status(&self, now: Timestamp) -> WaitStatus {
        match self.verdict {
            Some(Verdict::Approved) => WaitStatus::Approved,
            Some(Verdict::Refused) => WaitStatus::Refused,
            None if now < self.expires => WaitStatus::Waiting,
            None => WaitStatus::Expired,
        }
    }
}

/// An owner's decision about one credential. The store makes sure that it still waits, and that of
/// several decisions at once one takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The credential that waits.
    pub credential: CredentialUuid,
    /// What is decided.
    pub verdict: Verdict,
    /// When.
    pub date: Timestamp,
}

/// What lets the other place ask for the outcome: the facts of an approval token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalTicket {
    /// The code that the credential was made with.
    pub code: CredentialCodeId,
    /// The organization of the owner.
    pub organization: OrganizationId,
    /// The owner.
    pub user: UserId,
    /// From this moment on nobody is told any more.
    pub expires: Timestamp,
}

impl ApprovalTicket {
    /// Until when the outcome of a wait can be asked for.
    pub fn expiry(wait: &Wait) -> Timestamp {
        wait.expires.plus(AFTERMATH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::NOW;

    #[test]
    fn a_wait_is_over_after_five_minutes_to_the_millisecond() {
        let wait = Wait::begin(NOW);
        let last = NOW.plus(LIFETIME).minus(Duration::from_millis(1));
        assert_eq!(wait.status(NOW), WaitStatus::Waiting);
        assert_eq!(wait.status(last), WaitStatus::Waiting);
        assert_eq!(wait.status(NOW.plus(LIFETIME)), WaitStatus::Expired);
        assert_eq!(LIFETIME, Duration::from_mins(5));
    }

    #[test]
    fn the_outcome_is_told_for_ten_minutes() {
        let expiry = ApprovalTicket::expiry(&Wait::begin(NOW));
        assert_eq!(expiry.since(NOW), Duration::from_mins(10));
    }

    #[test]
    fn a_decision_stays_when_time_is_over() {
        for (verdict, status) in [
            (Verdict::Approved, WaitStatus::Approved),
            (Verdict::Refused, WaitStatus::Refused),
        ] {
            let wait = Wait {
                verdict: Some(verdict),
                ..Wait::begin(NOW)
            };
            assert_eq!(wait.status(NOW), status);
            assert_eq!(wait.status(NOW.plus(LIFETIME * 2)), status);
        }
    }
}

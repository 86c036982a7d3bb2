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

/// The smallest number that is compared, so that all have two digits; and how many there are.
const SMALLEST: u16 = 10;
const NUMBERS: u16 = 90;

/// The number that is shown where a credential was made, and the two that its owner must tell it from. Who
/// approves picks it, and so approves what is in front of them and not what somebody else has made meanwhile
/// with the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    number: u16,
    others: [u16; 2],
}

impl Comparison {
    /// Three numbers of two digits, no two of which are the same, each as likely as any other (but for one in
    /// 700).
    pub fn from_random(random: &[u8; 32]) -> Self {
        let [one, two, three, four, five, six, ..] = *random;
        let number = u16::from_be_bytes([one, two]) % NUMBERS;
        let among_the_rest = u16::from_be_bytes([three, four]) % (NUMBERS - 1);
        let second = among_the_rest + u16::from(among_the_rest >= number);
        let (low, high) = (number.min(second), number.max(second));
        let among_the_rest = u16::from_be_bytes([five, six]) % (NUMBERS - 2);
        let third = among_the_rest + u16::from(among_the_rest >= low);
        let third = third + u16::from(third >= high);
        Self {
            number: SMALLEST + number,
            others: [SMALLEST + second, SMALLEST + third],
        }
    }

    /// What is shown where the credential was made.
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// What its owner chooses from, in ascending order, which does not tell which one it is.
    pub fn choices(&self) -> [u16; 3] {
        let [second, third] = self.others;
        let mut choices = [self.number, second, third];
        choices.sort_unstable();
        choices
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
    use std::collections::BTreeSet;

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
    fn three_numbers_of_two_digits_are_compared_and_all_differ() {
        for seed in 0..=u16::MAX {
            let [high, low] = seed.to_be_bytes();
            let mut random = [0; 32];
            // Close to one another, which is where they could come to be the same.
            random[..6].copy_from_slice(&[high, low, low, high, high, low]);
            let comparison = Comparison::from_random(&random);
            let [first, second, third] = comparison.choices();
            let are_in_order = 10 <= first && first < second && second < third && third < 100;
            assert!(are_in_order, "{comparison:?}");
            assert!(comparison.choices().contains(&comparison.number()));
        }
    }

    #[test]
    fn every_number_is_asked_for_at_every_place_among_the_three() {
        let mut seen = BTreeSet::new();
        let mut places = [0; 3];
        for seed in 0..=u16::MAX {
            let mut random = [0; 32];
            for (byte, of_seed) in random.iter_mut().zip(seed.to_be_bytes().iter().cycle()) {
                *byte = of_seed.wrapping_mul(167);
            }
            random[2] = random[2].wrapping_add(101);
            random[4] = random[4].wrapping_add(211);
            let comparison = Comparison::from_random(&random);
            seen.insert(comparison.number());
            let is_it = |choice: &u16| *choice == comparison.number();
            let place = comparison.choices().iter().position(is_it).unwrap();
            places[place] += 1;
        }
        assert_eq!(seen, (10..100).collect());
        assert!(places.iter().all(|times| *times > 6_000), "{places:?}");
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

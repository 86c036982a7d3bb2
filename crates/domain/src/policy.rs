//! Every lifetime and limit in one value.

use std::time::Duration;

/// Every lifetime and limit. The defaults are those of the security promises.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// How often things may be tried.
    pub limits: Limits,
}

/// How long things live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// A challenge and its identifier; 1 to 10 minutes.
    pub challenge: Duration,
    /// A signed user action; 1 to 10 minutes.
    pub user_action: Duration,
    /// The temporary token of a registration; 1 to 60 minutes.
    pub temporary_token: Duration,
    /// A session; 1 minute to 24 hours.
    pub session: Duration,
    /// A registration code; 1 minute to 7 days.
    pub registration_code: Duration,
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            challenge: MINUTE * 5,
            user_action: MINUTE * 5,
            temporary_token: MINUTE * 15,
            session: HOUR * 6,
            registration_code: HOUR * 4,
        }
    }
}

/// A lifetime outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be between {} and {} seconds", minimum.as_secs(), maximum.as_secs())]
pub struct LifetimeError {
    /// The name of the field in [`Lifetimes`].
    pub name: &'static str,
    /// The shortest allowed.
    pub minimum: Duration,
    /// The longest allowed.
    pub maximum: Duration,
}

impl Lifetimes {
    /// Every field that is outside its bounds; none when all is well.
    pub fn faults(&self) -> Vec<LifetimeError> {
        [
            ("challenge", self.challenge, MINUTE, MINUTE * 10),
            ("user_action", self.user_action, MINUTE, MINUTE * 10),
            ("temporary_token", self.temporary_token, MINUTE, HOUR),
            ("session", self.session, MINUTE, HOUR * 24),
            (
                "registration_code",
                self.registration_code,
                MINUTE,
                HOUR * 24 * 7,
            ),
        ]
        .into_iter()
        .filter(|(_, value, minimum, maximum)| !(minimum..=maximum).contains(&value))
        .map(|(name, _, minimum, maximum)| LifetimeError {
            name,
            minimum,
            maximum,
        })
        .collect()
    }
}

/// How often things may be tried, each per minute. An address is an IPv4 address or an IPv6 /64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Off only for load tests: then nothing is limited.
    pub enabled: bool,
    /// Wrong codes per address.
    pub wrong_codes_per_address: u32,
    /// Wrong codes in the whole installation; beyond it, short codes without a username are refused.
    pub wrong_codes_per_installation: u32,
    /// Wrong codes per user, for codes entered with a username.
    pub wrong_codes_per_user: u32,
    /// Beginnings of a sign-in per address.
    pub login_inits_per_address: u32,
    /// Requests to be mailed a code, per address.
    pub mailed_codes_per_address: u32,
    /// Requests to be mailed a code, per user.
    pub mailed_codes_per_user: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            wrong_codes_per_address: 10,
            wrong_codes_per_installation: 300,
            wrong_codes_per_user: 5,
            login_inits_per_address: 60,
            mailed_codes_per_address: 10,
            mailed_codes_per_user: 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(Lifetimes::default().faults(), []);
    }

    #[test]
    fn every_fault_is_named() {
        let lifetimes = Lifetimes {
            challenge: MINUTE * 11,
            session: Duration::ZERO,
            ..Lifetimes::default()
        };
        let names: Vec<_> = lifetimes.faults().iter().map(|fault| fault.name).collect();
        assert_eq!(names, ["challenge", "session"]);
    }
}

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

/// How often things may be tried, each per minute where nothing else is said. An address is an IPv4 address or an IPv6
/// /64; wider networks of IPv6 have a few times as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Off only for load tests: then nothing is limited.
    pub enabled: bool,
    /// Wrong codes per address, of each kind apart; and uses of one session code.
    pub wrong_codes_per_address: u32,
    /// Wrong short codes without a username in the whole installation.
    pub wrong_codes_per_installation: u32,
    /// Wrong short codes per user, kind of code and address, for codes entered with a username.
    pub wrong_codes_per_user: u32,
    /// The same from all addresses together.
    pub wrong_codes_per_user_anywhere: u32,
    /// Beginnings of a sign-in per address.
    pub login_inits_per_address: u32,
    /// Codes that are mailed because somebody at an address asked for them.
    pub mailed_codes_per_address: u32,
    /// Codes of a kind that are mailed to a user in ten minutes.
    pub mailed_codes_per_user: u32,
    /// User actions that a user signs; and, counted apart, session codes that are issued for a user.
    pub user_actions_per_user: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            wrong_codes_per_address: 10,
            wrong_codes_per_installation: 300,
            wrong_codes_per_user: 5,
            wrong_codes_per_user_anywhere: 300,
            login_inits_per_address: 60,
            mailed_codes_per_address: 10,
            mailed_codes_per_user: 3,
            user_actions_per_user: 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetimes(seconds: [u64; 5]) -> Lifetimes {
        let [
            challenge,
            user_action,
            temporary_token,
            session,
            registration_code,
        ] = seconds.map(Duration::from_secs);
        Lifetimes {
            challenge,
            user_action,
            temporary_token,
            session,
            registration_code,
        }
    }

    #[test]
    fn lifetimes_have_their_documented_defaults_and_bounds() {
        assert_eq!(
            Lifetimes::default(),
            lifetimes([300, 300, 900, 21_600, 14_400])
        );
        let longest = [600, 600, 3_600, 86_400, 604_800];
        for within in [Lifetimes::default(), lifetimes([60; 5]), lifetimes(longest)] {
            assert_eq!(within.faults(), []);
        }
        for outside in [[59; 5], longest.map(|seconds| seconds + 1)] {
            let faults = lifetimes(outside).faults();
            let told: Vec<_> = faults.iter().map(LifetimeError::to_string).collect();
            let expected = [
                "challenge must be between 60 and 600 seconds",
                "user_action must be between 60 and 600 seconds",
                "temporary_token must be between 60 and 3600 seconds",
                "session must be between 60 and 86400 seconds",
                "registration_code must be between 60 and 604800 seconds",
            ];
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn limits_have_their_documented_defaults() {
        let limits = Limits {
            enabled: true,
            wrong_codes_per_address: 10,
            wrong_codes_per_installation: 300,
            wrong_codes_per_user: 5,
            wrong_codes_per_user_anywhere: 300,
            login_inits_per_address: 60,
            mailed_codes_per_address: 10,
            mailed_codes_per_user: 3,
            user_actions_per_user: 60,
        };
        assert_eq!(Policy::default().limits, limits);
    }
}

//! `[tokens]`: how long things live.

use std::time::Duration;

use latchkey_domain::policy::Lifetimes;

use super::reader::Reader;

/// Each bound is the domain's; see [`Lifetimes`].
pub(super) fn read(reader: &mut Reader) -> Lifetimes {
    let default = Lifetimes::default();
    let mut section = reader.section("tokens");
    let mut seconds = |key, default: Duration, minimum, maximum| {
        let default = u32::try_from(default.as_secs()).unwrap_or(maximum);
        let number = section.number(key, default, minimum..=maximum);
        Duration::from_secs(u64::from(number))
    };
    let lifetimes = Lifetimes {
        challenge: seconds("challenge_seconds", default.challenge, 60, 600),
        user_action: seconds("user_action_seconds", default.user_action, 60, 600),
        temporary_token: seconds("temporary_token_seconds", default.temporary_token, 60, 3600),
        session: seconds("session_seconds", default.session, 60, 86_400),
        registration_code: seconds(
            "registration_code_seconds",
            default.registration_code,
            60,
            604_800,
        ),
    };
    section.finish();
    lifetimes
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::config::Settings;

    const BOUNDS: [(&str, u32, u32); 5] = [
        ("CHALLENGE", 60, 600),
        ("USER_ACTION", 60, 600),
        ("TEMPORARY_TOKEN", 60, 3600),
        ("SESSION", 60, 86_400),
        ("REGISTRATION_CODE", 60, 604_800),
    ];

    fn lifetimes_of(choose: impl Fn(u32, u32) -> u32) -> Result<Settings, super::super::Faults> {
        let environment: HashMap<_, _> = BOUNDS
            .iter()
            .map(|(name, minimum, maximum)| {
                (
                    format!("LATCHKEY__TOKENS__{name}_SECONDS"),
                    choose(*minimum, *maximum).to_string(),
                )
            })
            .collect();
        Settings::load(None, environment)
    }

    #[test]
    fn the_bounds_are_those_of_the_domain() {
        for choose in [|minimum, _| minimum, |_, maximum| maximum] {
            let settings = lifetimes_of(choose).unwrap();
            assert_eq!(settings.policy.lifetimes.faults(), []);
        }
        for choose in [|minimum, _| minimum - 1, |_, maximum| maximum + 1] {
            assert_eq!(lifetimes_of(choose).unwrap_err().all().len(), BOUNDS.len());
        }
    }
}

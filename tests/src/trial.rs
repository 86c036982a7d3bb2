//! Trials: tests that break something at random, over and over. A few rounds are part of the tests; as many
//! as one likes are run by `cargo xtask trial`.

use std::{
    env,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    Outcome,
    installation::{DatabaseKind, Installation},
};

/// How often a trial goes round, when somebody asks for more than the tests do.
pub const ROUNDS_VARIABLE: &str = "LATCHKEY_TRIAL_ROUNDS";

/// The binary of an earlier version, when there is one.
pub const EARLIER_VARIABLE: &str = "LATCHKEY_TRIAL_EARLIER";

/// How many rounds are wanted; `few` when nobody says.
pub fn rounds(few: u32) -> Outcome<u32> {
    match env::var(ROUNDS_VARIABLE) {
        Ok(rounds) => Ok(rounds.parse()?),
        Err(_absent) => Ok(few),
    }
}

/// Waits until some moment within `longest`.
pub async fn some_moment(longest: Duration) {
    let random = RandomState::new().build_hasher().finish();
    let milliseconds = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    sleep(Duration::from_millis(random % milliseconds.max(1))).await;
}

/// An installation whose limits do not keep people from work.
pub fn unlimited(kind: DatabaseKind) -> Outcome<Installation> {
    Ok(Installation::empty(kind)?.with("LIMITS__ENABLED", "false"))
}

//! `cargo xtask trial`: what the end-to-end tests break a few times, broken as often as one likes.

use crate::{
    Outcome,
    test::END_TO_END,
    workspace::{Workspace, run},
};

/// What the trials read; see `latchkey_e2e::trial`.
const ROUNDS: &str = "LATCHKEY_TRIAL_ROUNDS";

pub(crate) fn go_round(workspace: &Workspace, name: &str, rounds: u32) -> Outcome {
    let file = workspace.path(&format!("tests/tests/e2e/trials/{name}.rs"));
    if !file.is_file() {
        return Err(format!("there is no {}", file.display()).into());
    }
    let mut trial = workspace.cargo(&["test", "--locked"]);
    trial
        .args(END_TO_END)
        .args([&format!("trials::{name}::"), "--", "--nocapture"]);
    run(trial.env(ROUNDS, rounds.to_string()))
}

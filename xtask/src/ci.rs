//! `cargo xtask ci`: the script that is run before a change lands; the steps are in the script.

use crate::{
    Outcome,
    workspace::{Workspace, run},
};

pub(crate) fn run_script(workspace: &Workspace) -> Outcome {
    run(&mut workspace.command(workspace.path(".ci/run")))
}

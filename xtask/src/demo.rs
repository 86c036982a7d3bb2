//! `cargo xtask demo`: the whole flow between two domains, against a throwaway server.
//!
//! The client of the end-to-end tests plays it, so there is no second one: `tests/examples/demo.rs`.

use crate::{
    Outcome,
    workspace::{Workspace, artifacts, run},
};

pub(crate) fn play(workspace: &Workspace) -> Outcome {
    let build = workspace.cargo(&["build", "--locked", "--workspace", "--example", "demo"]);
    let demo = artifacts(build)?.pop().ok_or("cargo built no demo")?;
    run(&mut workspace.command(demo.executable))
}

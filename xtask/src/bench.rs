//! `cargo xtask bench`: what ceremonies cost, of the binary as users build it.
//!
//! The client of the end-to-end tests puts it under load: `tests/src/bench.rs`.

use std::{env, ffi::OsString, path::PathBuf};

use crate::{
    Outcome,
    workspace::{Workspace, artifacts, run},
};

pub(crate) fn measure(workspace: &Workspace, options: &[OsString]) -> Outcome {
    let driver = build(workspace, "latchkey-e2e", "latchkey-bench")?;
    let mut driver = workspace.command(driver);
    let is_for_help = |option| option == "--help" || option == "-h";
    if !options.iter().any(is_for_help) {
        let server = build(workspace, "latchkey-server", "latchkey")?;
        driver.env("LATCHKEY_BIN", server);
    }
    // Paths among the options are meant from where they were written.
    driver.current_dir(env::current_dir()?);
    run(driver.args(options))
}

/// Builds one by itself: together with the other its dependencies would have what that one asks of them.
fn build(workspace: &Workspace, package: &str, binary: &str) -> Outcome<PathBuf> {
    let mut cargo = workspace.cargo(&["build", "--locked", "--release"]);
    cargo.args(["--package", package, "--bin", binary]);
    let made = artifacts(cargo)?;
    let mut executables = made.into_iter().map(|artifact| artifact.executable);
    let found = executables.find(|path| path.ends_with(binary));
    Ok(found.ok_or_else(|| format!("cargo built no {binary}"))?)
}

//! `cargo xtask bench`: what ceremonies cost, of the binary as users build it.
//!
//! The client of the end-to-end tests puts it under load: `tests/src/bench.rs`.

use std::{env, ffi::OsString, path::PathBuf};

use crate::{
    Outcome,
    workspace::{Workspace, artifacts, run},
};

/// What is built, and the name of its binary.
type Build = ([&'static str; 2], &'static str);

const SERVER: Build = (["--package", "latchkey-server"], "latchkey");
const DRIVER: Build = (["--package", "latchkey-e2e"], "latchkey-bench");

/// Options with which nothing is measured.
const HELP: [&str; 2] = ["--help", "-h"];

pub(crate) fn measure(workspace: &Workspace, options: &[OsString]) -> Outcome {
    let mut driver = workspace.command(build(workspace, DRIVER)?);
    if !options
        .iter()
        .any(|option| HELP.iter().any(|help| option == help))
    {
        driver.env("LATCHKEY_BIN", build(workspace, SERVER)?);
    }
    // Paths among the options are meant from where they were written.
    driver.current_dir(env::current_dir()?);
    run(driver.args(options))
}

/// Builds one by itself: together with the other its dependencies would have what that one asks of them.
fn build(workspace: &Workspace, (package, binary): Build) -> Outcome<PathBuf> {
    let mut cargo = workspace.cargo(&["build", "--locked", "--release"]);
    cargo.args(package).args(["--bin", binary]);
    let mut executables = artifacts(cargo)?
        .into_iter()
        .map(|artifact| artifact.executable);
    Ok(executables
        .find(|path| path.ends_with(binary))
        .ok_or_else(|| format!("cargo built no {binary}"))?)
}

//! `cargo xtask bench`: what ceremonies cost, of the binary as users build it.
//!
//! The client of the end-to-end tests puts it under load: `tests/src/bench.rs`.

use std::{env, ffi::OsString, path::PathBuf};

use crate::{
    Outcome,
    workspace::{Artifact, Workspace, artifacts, run},
};

/// The packages that are built, and the binary of each. Together they share their dependencies.
const SERVER: [&str; 4] = ["--package", "latchkey-server", "--bin", "latchkey"];
const DRIVER: [&str; 4] = ["--package", "latchkey-e2e", "--bin", "latchkey-bench"];

pub(crate) fn measure(workspace: &Workspace, options: &[OsString]) -> Outcome {
    let mut build = workspace.cargo(&["build", "--locked", "--release"]);
    build.args(SERVER).args(DRIVER);
    let made = artifacts(build)?;
    let mut driver = workspace.command(built(&made, "latchkey-bench")?);
    // Paths among the options are meant from where they were written.
    driver.current_dir(env::current_dir()?);
    driver.args(options);
    run(driver.env("LATCHKEY_BIN", built(&made, "latchkey")?))
}

fn built(made: &[Artifact], name: &str) -> Outcome<PathBuf> {
    let mut executables = made.iter().map(|artifact| artifact.executable.as_path());
    let found = executables.find(|path| path.ends_with(name));
    Ok(found
        .ok_or_else(|| format!("cargo built no {name}"))?
        .to_owned())
}

//! `cargo xtask test` and `cargo xtask e2e`.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, pipe},
    process::Command,
};

use latchkey_test_postgres::URL_VARIABLE;

use self::{
    report::{Executables, Report},
    tools::Tools,
};
use crate::{
    Outcome, say,
    workspace::{Artifact, Workspace, artifacts},
};

mod report;
mod tools;

/// The tests that drive the built binary. The workspace is selected as a whole whatever is tested, so that
/// dependencies are built once and not again with the features that a part of it needs.
pub(crate) const END_TO_END: [&str; 3] = ["--workspace", "--test", "e2e"];

/// Runs every test of the workspace.
pub(crate) fn everything(workspace: &Workspace) -> Outcome {
    run(workspace, &["--workspace"])
}

/// Runs the tests that drive the built binary.
pub(crate) fn end_to_end(workspace: &Workspace) -> Outcome {
    run(workspace, &END_TO_END)
}

/// Sets up what tests in a browser need, and no more.
pub(crate) fn set_up_browser(workspace: &Workspace) -> Outcome {
    tools::set_up_browser(workspace)
}

fn run(workspace: &Workspace, selection: &[&str]) -> Outcome {
    let tools = Tools::set_up(workspace)?;
    say("building the tests")?;
    let mut build = workspace.cargo(&["test", "--locked", "--no-run"]);
    build.args(selection);
    let made = artifacts(build)?;
    let mut tests = workspace.cargo(&["test", "--locked", "--no-fail-fast", "--color", "never"]);
    tests
        .args(selection)
        .env(URL_VARIABLE, tools.postgres.url());
    // Cargo has built it for the tests of its package, when those are selected; no other one is tested.
    tests.env_remove("LATCHKEY_BIN");
    let mut executables = made.iter().map(|artifact| &artifact.executable);
    if let Some(binary) = executables.find(|path| path.ends_with("latchkey")) {
        tests.env("LATCHKEY_BIN", binary);
    }
    let report = watch(tests, names(made))?;
    say(report.to_string())?;
    if report.is_good() {
        Ok(())
    } else {
        Err("the tests failed".into())
    }
}

/// Which layer each executable tests, by the executable's file name.
fn names(artifacts: Vec<Artifact>) -> Executables {
    artifacts
        .into_iter()
        .filter_map(|artifact| {
            let name = artifact.executable.file_name()?;
            Some((name.to_string_lossy().into_owned(), artifact.layer))
        })
        .collect::<BTreeMap<_, _>>()
}

/// Runs the tests, passing on what they print and counting on the way. Both streams go into one pipe,
/// since cargo names an executable on one of them and the executable counts on the other.
fn watch(mut tests: Command, executables: Executables) -> Outcome<Report> {
    let (reader, writer) = pipe()?;
    tests.stdout(writer.try_clone()?).stderr(writer);
    let mut child = tests.spawn()?;
    // Its ends of the pipe must close, or the reader would wait for ever.
    drop(tests);
    let mut report = Report::new(executables);
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        say(&line)?;
        report.read(&line);
    }
    report.end(child.wait()?.success());
    Ok(report)
}

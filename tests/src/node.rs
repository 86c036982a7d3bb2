//! The npm project in `node/`: its tests run in Node.js, or in a browser that they drive, against a
//! running service.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, binary, failure, installation::Installation, server::Server};

const MISSING: &str = "run `cargo xtask test`, which installs what these tests need";

/// Runs the tests in one folder of the project, and checks that there were some and that all passed; the
/// error has what they reported.
///
/// They learn where the service is, which organization to use and how to call the command line beside it
/// by environment variables; see `node/support/latchkey.js`.
pub fn run(
    folder: &str,
    installation: &Installation,
    server: &Server,
    organization: &str,
) -> Outcome {
    run_with(folder, installation, server, organization, &[])
}

/// The same for tests that learn something more by environment variables.
pub fn run_with(
    folder: &str,
    installation: &Installation,
    server: &Server,
    organization: &str,
    variables: &[(&str, &str)],
) -> Outcome {
    let project = project();
    if !project.join("node_modules").exists() {
        return Err(failure(format!("the npm packages are missing: {MISSING}")));
    }
    let output = Command::new("node")
        .args(["--test", "--test-reporter", "spec"])
        .args(tests_in(&project.join(folder))?)
        .current_dir(&project)
        .envs(installation.environment())
        .env("LATCHKEY_BIN", binary::path()?)
        .env("LATCHKEY_E2E_URL", server.url()?)
        .env("LATCHKEY_E2E_ORGANIZATION", organization)
        .envs(variables.iter().copied())
        .output()
        .map_err(|error| failure(format!("node cannot be started ({error}): {MISSING}")))?;
    let report = String::from_utf8_lossy(&output.stdout);
    let wanted = ["fail 0", "cancelled 0", "skipped 0", "todo 0"];
    let good = output.status.success()
        && wanted.iter().all(|count| report.contains(count))
        && !report.contains("pass 0\n");
    if good {
        return Ok(());
    }
    Err(failure(format!(
        "the tests in {folder} failed\n{report}{}\nthe server said:\n{}",
        String::from_utf8_lossy(&output.stderr),
        server.log()
    )))
}

/// Where the project is.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node")
}

/// The files of a folder that hold tests, named one by one because what Node.js makes of a folder
/// differs between its versions.
fn tests_in(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.js") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(failure(format!("{} has no test", folder.display())));
    }
    files.sort();
    Ok(files)
}

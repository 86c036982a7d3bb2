//! The binary under test.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{Outcome, failure};

/// The path of the built binary: `LATCHKEY_BIN` when it is set, else it is built now, if it is not yet.
pub fn path() -> Outcome<&'static Path> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = PATH.get_or_init(|| match env::var_os("LATCHKEY_BIN") {
        Some(path) => Ok(path.into()),
        None => build().map_err(|error| error.to_string()),
    });
    found.as_deref().map_err(|error| failure(error.clone()))
}

fn build() -> Outcome<PathBuf> {
    built()?
        .iter()
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .find(|executable| executable.ends_with("latchkey"))
        .ok_or_else(|| failure("cargo built no executable"))
}

/// The variables that `cargo run` hands on to the program, besides its own: those that the program was built with.
pub fn handed_on() -> Outcome<Vec<(String, String)>> {
    let messages = built()?;
    let told = messages.iter().filter(|message| {
        let package = message["package_id"].as_str().unwrap_or_default();
        message["reason"] == "build-script-executed" && package.contains("crates/server")
    });
    let variables = told
        .filter_map(|message| message["env"].as_array())
        .flatten();
    Ok(serde_json::from_value(variables.cloned().collect())?)
}

/// Builds the program, and gives what cargo says of it.
fn built() -> Outcome<Vec<Value>> {
    // Of the whole workspace, and with an example, dependencies are built with the very features that tests
    // have: once for all, and `cargo test --workspace` has built this binary already.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Build scripts that look at these, which are about the tests, would run again.
    forget(&mut cargo, &["CARGO_MANIFEST_", "CARGO_PKG_"]);
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--workspace", "--bin", "latchkey"])
        .args(["--example", "demo", "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(failure("the binary cannot be built"));
    }
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages.lines().map(serde_json::from_str);
    Ok(messages.collect::<Result<_, _>>()?)
}

/// Keeps what begins so in this process' environment from a command.
pub(crate) fn forget(command: &mut Command, prefixes: &[&str]) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

//! Where the workspace is, and the commands that run in it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Outcome;

/// The workspace this task belongs to.
pub(crate) struct Workspace {
    root: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// The workspace that `cargo` runs this program in.
    pub(crate) fn find() -> Outcome<Self> {
        // Cargo tells it at run time: checkouts that share a target folder share this program.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        Ok(Self {
            root: package
                .parent()
                .ok_or("xtask has no parent folder")?
                .to_owned(),
            cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        })
    }

    /// A file or folder of the workspace.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Any command, run in the root folder.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Cargo with the words given. What cargo tells this program about its own package is not passed on:
    /// build scripts that look at it (that of `ring` does) would run again, and whatever depends on them be
    /// built anew, each time that cargo is called from here and from a shell by turns.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let mut command = self.command(&self.cargo);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
                command.env_remove(&name);
            }
        }
        command.args(words);
        command
    }

    /// The binary from the sources, as users build it.
    pub(crate) fn latchkey(&self, words: &[&str]) -> Command {
        let mut command = self.cargo(&["run", "--locked", "--package", "latchkey-server", "--"]);
        command.args(words);
        command
    }
}

/// An executable that cargo has built.
pub(crate) struct Artifact {
    /// The package's name without `latchkey-`.
    pub(crate) layer: String,
    /// The file.
    pub(crate) executable: PathBuf,
}

/// Runs a build and gives the executables it made.
pub(crate) fn artifacts(mut build: Command) -> Outcome<Vec<Artifact>> {
    build.args(["--message-format", "json"]);
    let output = build.stderr(Stdio::inherit()).output()?;
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut artifacts = Vec::new();
    for message in messages {
        if let Some(rendered) = message.pointer("/message/rendered").and_then(Value::as_str) {
            crate::say(rendered)?;
        }
        let executable = message.get("executable").and_then(Value::as_str);
        let id = message.get("package_id").and_then(Value::as_str);
        if let (Some(executable), Some(id)) = (executable, id) {
            artifacts.push(Artifact {
                layer: layer_of(id),
                executable: executable.into(),
            });
        }
    }
    if output.status.success() {
        Ok(artifacts)
    } else {
        Err(format!("the build failed: {build:?}").into())
    }
}

/// The layer in a package id such as `path+file:///…/crates/domain#latchkey-domain@0.1.0`.
fn layer_of(id: &str) -> String {
    let name = id.rsplit('#').next().unwrap_or(id);
    let name = name.split('@').next().unwrap_or(name);
    name.trim_start_matches("latchkey-").to_owned()
}

/// Runs a command to its end; anything but success is an error that names it.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|error| format!("{} cannot be started: {error}", words(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} failed ({status})", words(command)).into())
    }
}

/// A command as one would type it.
fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_in_the_package_id() {
        let id = "path+file:///home/somebody/latchkey/tests#latchkey-e2e@0.1.0";
        assert_eq!(layer_of(id), "e2e");
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        assert_eq!(words(command.args(["xtask", "test"])), "cargo xtask test");
    }
}

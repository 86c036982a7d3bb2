//! The real binary on a database of its own.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::place::indented;
use crate::{Outcome, say};

/// A running server; when it is dropped it is killed, and its files go.
pub(super) struct Server {
    child: Child,
    url: String,
    binary: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Starts the server and waits until it listens.
    pub(super) fn start(binary: PathBuf) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = configured(&binary, &folder)
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take().ok_or("the server has no log")?;
        let mut log = BufReader::new(log).lines();
        let mut said = String::new();
        let url = loop {
            let Some(line) = log.next().transpose()? else {
                return Err(format!("the server does not start:\n{said}").into());
            };
            if let Some(address) = listening(&line) {
                break format!("http://{address}");
            }
            said.push_str(&line);
            said.push('\n');
        };
        // The log must be read to the end, or a full pipe would stop the server.
        std::thread::spawn(move || log.for_each(drop));
        Ok(Self {
            child,
            url,
            binary,
            folder,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Runs a command of the binary, prints it and gives its answer.
    pub(super) fn administrate(&self, words: &[&str]) -> Outcome<Value> {
        say(format!("\n$ latchkey {}", words.join(" ")))?;
        let output = configured(&self.binary, &self.folder)
            .args(words)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("latchkey {} failed ({})", words.join(" "), output.status).into());
        }
        let answer = serde_json::from_slice(&output.stdout)?;
        say(indented(&answer))?;
        Ok(answer)
    }

    /// Stops the server as a service manager does, and expects an orderly end.
    pub(super) fn stop(mut self) -> Outcome {
        let sent = Command::new("sh")
            .args(["-c", r#"kill -TERM "$0""#])
            .arg(self.child.id().to_string())
            .status()?;
        let ended = self.child.wait()?;
        if sent.success() && ended.success() {
            Ok(())
        } else {
            Err(format!("the server ended with {ended}").into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After an orderly end there is nothing left to kill.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The binary, configured for the folder alone.
fn configured(binary: &PathBuf, folder: &TempDir) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LATCHKEY_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("LATCHKEY__HTTP__LISTEN", "127.0.0.1:0")
        .env("LATCHKEY__DATABASE__URL", "sqlite://latchkey.db")
        .env("LATCHKEY__SECRETS__PATH", "secrets.toml")
        .env("LATCHKEY__LOG__FORMAT", "json")
        .env("LATCHKEY__LOG__LEVEL", "warn,latchkey_server=info")
        .env("LATCHKEY__DEMO__ENABLED", "false")
        .stdin(Stdio::null());
    command
}

/// The address in the line of the log that says where the server listens.
fn listening(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    if event.get("message")? != "listening" {
        return None;
    }
    Some(event.get("address")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_in_the_line_that_says_listening() {
        let line = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:4711"}"#;
        assert_eq!(listening(line).as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(listening(r#"{"message":"draining"}"#), None);
        assert_eq!(listening("not JSON"), None);
    }
}

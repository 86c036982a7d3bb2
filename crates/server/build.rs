//! Tells the program its version, `VERSION_OF_BUILD`: with the commit, where that is known. `cargo run` hands that
//! variable on to the program, which takes what begins with `LATCHKEY_` for a setting.
//!
//! It is known from the variable `LATCHKEY_COMMIT`, which a container or a package is built with, else from
//! `commit.txt`, which `git archive` fills in, else from git. Without any of them a build goes on without it.

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
};

/// How many digits of a commit tell it.
const DIGITS: usize = 12;

fn main() -> io::Result<()> {
    let mut instructions = io::stdout();
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    writeln!(instructions, "cargo::rustc-env=VERSION_OF_BUILD={version}")?;
    writeln!(instructions, "cargo::rerun-if-env-changed=LATCHKEY_COMMIT")?;
    writeln!(instructions, "cargo::rerun-if-changed=build.rs")?;
    writeln!(instructions, "cargo::rerun-if-changed=commit.txt")?;
    // Every commit and every checkout adds a line to it.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        writeln!(instructions, "cargo::rerun-if-changed={log}")?;
    }
    Ok(())
}

fn commit() -> Option<String> {
    let given = env::var("LATCHKEY_COMMIT").ok();
    let archived = || fs::read_to_string("commit.txt").ok();
    given
        .and_then(|text| short(&text))
        .or_else(|| short(&archived()?))
        .or_else(|| short(&git(&["rev-parse", "HEAD"])?))
}

/// The beginning of a commit; none when the text is none.
fn short(text: &str) -> Option<String> {
    let text = text.trim();
    let is_commit = text.len() >= DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| text.chars().take(DIGITS).collect())
}

fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

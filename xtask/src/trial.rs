//! `cargo xtask trial`: what the end-to-end tests break a few times, broken as often as one likes.

use std::{fs, path::PathBuf, process::Stdio};

use clap::Args;

use crate::{
    Outcome, say,
    test::END_TO_END,
    workspace::{Workspace, artifacts, run},
};

/// What the trials read; see `latchkey_e2e::trial`.
const ROUNDS: &str = "LATCHKEY_TRIAL_ROUNDS";
const EARLIER: &str = "LATCHKEY_TRIAL_EARLIER";

/// The trial of an earlier version beside this one.
const TWO_VERSIONS: &str = "two-versions";

#[derive(Args)]
pub(crate) struct Trial {
    /// Which trial: crash, failover, flood, frozen-database, full-disk, two-versions.
    name: String,
    /// How many rounds.
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// For two-versions: the commit of the earlier version; if absent, the one before the newest step of the
    /// schema was added. It is built below target/earlier.
    #[arg(long)]
    earlier: Option<String>,
}

pub(crate) fn go_round(workspace: &Workspace, trial: &Trial) -> Outcome {
    let module = trial.name.replace('-', "_");
    let file = workspace.path(&format!("tests/tests/e2e/trials/{module}.rs"));
    if !file.is_file() {
        return Err(format!("there is no {}", file.display()).into());
    }
    let mut tests = workspace.cargo(&["test", "--locked"]);
    tests
        .args(END_TO_END)
        .args([&format!("trials::{module}::"), "--", "--nocapture"])
        .env(ROUNDS, trial.rounds.to_string());
    if trial.name == TWO_VERSIONS {
        tests.env(EARLIER, build(workspace, trial.earlier.as_deref())?);
    } else if trial.earlier.is_some() {
        return Err(format!("--earlier is for {TWO_VERSIONS} alone").into());
    }
    run(&mut tests)
}

/// Builds the binary of an earlier commit from a copy of its files.
fn build(workspace: &Workspace, commit: Option<&str>) -> Outcome<PathBuf> {
    let newest_step = [
        "log",
        "-1",
        "--diff-filter=A",
        "--format=%H^",
        "--",
        "migrations/src/m*.rs",
    ];
    let commit = match commit {
        Some(commit) => commit.to_owned(),
        None => git(workspace, &newest_step)?,
    };
    let commit = git(
        workspace,
        &["rev-parse", "--verify", &format!("{commit}^{{commit}}")],
    )?;
    say(format!("building {commit}"))?;
    let folder = workspace.path("target/earlier");
    let sources = folder.join("sources");
    if sources.exists() {
        fs::remove_dir_all(&sources)?;
    }
    fs::create_dir_all(&sources)?;
    let archive = folder.join("sources.tar");
    let mut tar = workspace.command("git");
    run(tar.args(["archive", "--output"]).arg(&archive).arg(&commit))?;
    // As files of this moment: cargo tells by their times what it has built already.
    run(workspace
        .command("tar")
        .arg("-xmf")
        .arg(&archive)
        .arg("-C")
        .arg(&sources))?;
    let mut cargo = workspace.cargo(&["build", "--locked", "--package", "latchkey-server"]);
    cargo
        .current_dir(&sources)
        .args(["--bin", "latchkey", "--target-dir"])
        .arg(folder.join("target"));
    let built = artifacts(cargo)?.pop().ok_or("cargo built no binary")?;
    Ok(built.executable)
}

/// What git answers, without the end of the line.
fn git(workspace: &Workspace, words: &[&str]) -> Outcome<String> {
    let answer = workspace
        .command("git")
        .args(words)
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(answer.stdout)?.trim().to_owned();
    if answer.status.success() && !text.is_empty() {
        Ok(text)
    } else {
        Err(format!(
            "git {} answers nothing: is this a whole clone?",
            words.join(" ")
        )
        .into())
    }
}

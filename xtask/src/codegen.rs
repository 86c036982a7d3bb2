//! `cargo xtask codegen`: the documents that the binary writes about itself.

use std::{fs, process::Stdio};

use crate::{Outcome, say, workspace::Workspace};

/// A generated file, and the word that `latchkey document` prints it for.
const DOCUMENTS: [(&str, &str); 2] = [
    ("docs/openapi.json", "openapi"),
    ("docs/errors.md", "errors"),
];

/// Writes the documents; with `check` nothing is written, and a stale one is an error.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Outcome {
    let mut stale = Vec::new();
    for (path, word) in DOCUMENTS {
        let output = workspace
            .latchkey(&["document", word])
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() || output.stdout.is_empty() {
            return Err(format!("`latchkey document {word}` failed ({})", output.status).into());
        }
        let file = workspace.path(path);
        if fs::read(&file).is_ok_and(|kept| kept == output.stdout) {
            continue;
        }
        if check {
            stale.push(path);
        } else {
            fs::write(&file, &output.stdout)?;
            say(format!("wrote {path}"))?;
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("stale: {}; run `cargo xtask codegen`", stale.join(", ")).into())
    }
}

//! The commands of the README, as they stand there.

use std::{fs, path::Path, process::Command};

use latchkey_e2e::{
    Outcome, binary,
    installation::{DatabaseKind, Installation},
};

/// The blocks that are marked as `bash`, one after the other.
fn script() -> Outcome<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let mut script = String::new();
    let mut inside = false;
    for line in fs::read_to_string(readme)?.lines() {
        match (inside, line) {
            (false, "```bash") => inside = true,
            (true, "```") => inside = false,
            (true, line) => {
                script.push_str(line);
                script.push('\n');
            }
            (false, _) => {}
        }
    }
    Ok(script)
}

#[tokio::test]
async fn the_flow_with_curl_is_true() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let invited = installation.bootstrap("Acme")?.administrator;
    let server = installation.start().await?;
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script()?])
        .current_dir(installation.folder())
        .env("base", server.url()?)
        .env("organization", &invited.organization)
        .env("username", &invited.username)
        .env("registration_code", &invited.code)
        .output()?;
    let said = String::from_utf8(run.stdout)?;
    let complaints = String::from_utf8(run.stderr)?;
    assert!(run.status.success(), "{said}{complaints}");
    let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default())?;
    let mut ids: Vec<_> = last["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|credential| credential["credentialId"].as_str().unwrap_or_default())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["key-one", "key-two"], "{said}{complaints}");
    Ok(())
}

/// What `cargo run` hands on is no setting, however much its name may look like one.
#[test]
fn the_program_starts_with_all_that_it_was_built_with() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let handed_on = binary::handed_on()?;
    assert!(!handed_on.is_empty());
    let mut check = installation.command("config check")?;
    let run = check.envs(handed_on).output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    Ok(())
}

//! The API description that is served, tried by a tester of OpenAPI properties: whatever it makes of the
//! description, valid or not, gets a documented answer, and no failure.

use std::{
    path::Path,
    process::{Command, Output},
};

use latchkey_e2e::{
    Outcome,
    ceremony::{join, sign_in},
    client::Client,
    failure,
    holder::Holder,
    installation::{DatabaseKind, Installation},
    server::Server,
};

/// What ends the session that it is called with.
const LOGOUT: &str = "/auth/logout";

/// Valid data is often refused all the same: no description can say what a proof is, or a code that
/// somebody was given.
const UNFIT_CHECK: &str = "positive_data_acceptance";

#[tokio::test]
async fn whatever_the_description_allows_or_forbids_gets_a_documented_answer() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("LIMITS__ENABLED", "false");
    let invited = installation.bootstrap("Acme")?.administrator;
    let server = installation.start().await?;
    let place = Client::of(&server)?;
    let mut own = Holder::key();
    let here = join(&place, &invited, &mut own).await?;
    let username = Some(invited.username.as_str());
    let there = sign_in(&place, &invited.organization, username, &mut own).await?;
    for (session, selection) in [(here, "--exclude-path"), (there, "--include-path")] {
        let token = session
            .token()
            .ok_or_else(|| failure("nobody is signed in"))?;
        let output = tester(&installation, &server, token)?
            .args([selection, LOGOUT])
            .output()?;
        assert!(output.status.success(), "{}", report(&output, &server));
    }
    Ok(())
}

/// The tester, with a session and the same data on every run.
fn tester(installation: &Installation, server: &Server, token: &str) -> Outcome<Command> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/.venv/bin/st");
    if !program.exists() {
        return Err(failure(
            "schemathesis is missing: run `cargo xtask test`, which installs what these tests need",
        ));
    }
    let mut command = Command::new(program);
    command
        .current_dir(installation.folder())
        .arg("run")
        .arg(format!("{}/openapi.json", server.url()?))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--generation-deterministic", "--max-examples", "50"])
        .args(["--exclude-checks", UNFIT_CHECK, "--no-color"]);
    Ok(command)
}

fn report(output: &Output, server: &Server) -> String {
    format!(
        "{}{}\nthe server said:\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        server.log()
    )
}

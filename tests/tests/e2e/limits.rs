//! Guessing is limited, and so are open files, as it is configured.

use std::process::{Command, Stdio};

use latchkey_e2e::{
    Outcome,
    ceremony::{claim, enrol, issue_code, join},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
    server::Server,
};

const WRONG: &str = "AAA-BBB-CCC";

#[tokio::test]
async fn wrong_codes_are_limited_and_right_ones_are_not_counted() -> Outcome {
    let installation =
        Installation::empty(DatabaseKind::Sqlite)?.with("LIMITS__WRONG_CODES_PER_ADDRESS", "3");
    let invited = installation.bootstrap("Acme")?.administrator;
    let server = installation.start().await?;
    let here = Client::of(&server)?.at("https://one.example");
    let there = Client::of(&server)?.at("https://two.example");
    let mut own = Holder::key();
    let here = join(&here, &invited, &mut own).await?;
    for _ in 0..4 {
        let code = text(&issue_code(&here, &mut own).await?, "code")?;
        enrol(&there, &code, &mut Holder::key()).await?;
    }

    for _ in 0..3 {
        claim(&there, WRONG, "Key").await?.refused(403)?;
    }
    let refused = claim(&there, WRONG, "Key").await?;
    let seconds: u64 = refused.headers["retry-after"].to_str()?.parse()?;
    assert!((1..=60).contains(&seconds), "{seconds}");
    refused.refused(429)?;
    let code = text(&issue_code(&here, &mut own).await?, "code")?;
    claim(&there, &code, "Key").await?.refused(429)?;
    Ok(())
}

#[tokio::test]
async fn limits_are_switched_off_for_a_load_test() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("LIMITS__WRONG_CODES_PER_ADDRESS", "1")
        .with("LIMITS__ENABLED", "false");
    installation.bootstrap("Acme")?;
    let server = installation.start().await?;
    let there = Client::of(&server)?.at("https://two.example");
    for _ in 0..5 {
        claim(&there, WRONG, "Key").await?.refused(403)?;
    }
    Ok(())
}

/// The same command under a limit of open files, as `ulimit` is told it.
fn limited(command: &Command, limit: &str) -> Command {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_and_one_that_is_too_low_then_is_warned_of() -> Outcome {
    let installation =
        Installation::empty(DatabaseKind::Sqlite)?.with("HTTP__MAXIMUM_CONNECTIONS", "300");
    for (limit, is_too_low) in [("-S -n 256", false), ("-n 256", true)] {
        let server = Server::spawn(limited(&installation.command("serve")?, limit))?;
        server.ready().await?;
        let events = server.events();
        let warnings = events.iter().filter(|event| {
            let message = event["message"].as_str().unwrap_or_default();
            event["level"] == "WARN" && message.starts_with("http.maximum_connections")
        });
        assert_eq!(
            warnings.count(),
            usize::from(is_too_low),
            "{limit}: {events:?}"
        );
    }
    Ok(())
}

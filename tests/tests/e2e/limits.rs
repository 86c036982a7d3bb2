//! Guessing is limited, as it is configured.

use latchkey_e2e::{
    Outcome,
    ceremony::{claim, enrol, issue_code, join},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
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

//! A process stops in order and nothing is lost.

use std::time::Duration;

use latchkey_e2e::{
    Outcome,
    ceremony::{claim, completion, issue_code, join, verify},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
    wire::{Wire, answer, head},
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::json;

fn says(words: &'static str) -> impl Fn(&serde_json::Value) -> bool {
    move |event| event["message"] == words
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished_after_sigterm() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let server = installation.start().await?;

    let body = json!({ "orgId": organization }).to_string();
    let (beginning, end) = body.split_at(body.len() / 2);
    let length = body.len().to_string();
    let mut begun = Wire::to(&server).await?;
    let fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", length.as_str()),
        ("Origin", "https://one.example"),
    ];
    begun
        .send(head("POST", "/auth/login/init", &fields))
        .await?;
    begun.send(beginning).await?;
    // The server has read the head before it is told to stop.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.terminate()?;
    server.event(says("draining")).await?;
    assert!(
        Wire::to(&server).await.is_err(),
        "a new connection was taken"
    );
    begun.send(end).await?;
    let (status, body) = answer(&begun.rest().await?)?;
    assert_eq!(status, 200, "{body}");
    assert!(body["challengeIdentifier"].is_string());

    let (status, log) = server.end().await?;
    assert!(status.success(), "{status}: {log}");
    Ok(())
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_after_the_drain_time() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("HTTP__DRAIN_SECONDS", "1");
    let server = installation.start().await?;
    let mut begun = Wire::to(&server).await?;
    let fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", "10"),
    ];
    begun
        .send(head("POST", "/auth/login/init", &fields))
        .await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.stop()).await?;
    stopped?;
    Ok(())
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_end_up() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    let client = Client::of(&server)?;
    client.get("/health/live").await?.ok()?;
    let _silent = Wire::to(&server).await?;
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.stop()).await?;
    stopped?;
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_everything() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let acme = installation.bootstrap("Acme")?;
        let server = installation.start().await?;
        let here = Client::of(&server)?.at("https://one.example");
        let there = Client::of(&server)?.at("https://two.example");
        let mut own = Holder::passkey("https://one.example", ChallengeForm::EncodedTwice);
        let here = join(&here, &acme.administrator, &mut own).await?;
        let code = text(&issue_code(&here, &mut own).await?, "code")?;
        let listed = here.get("/auth/credentials").await?.ok()?;

        server.stop().await?;
        let server = installation.start().await?;
        let (here, there) = (here.on(&server)?, there.on(&server)?);
        assert_eq!(here.get("/auth/credentials").await?.ok()?, listed);
        let challenge = claim(&there, &code, "Key").await?.ok()?;
        let body = completion(&challenge, &mut Holder::key()).await?;

        // A kill is no different.
        drop(server);
        let server = installation.start().await?;
        let (here, there) = (here.on(&server)?, there.on(&server)?);
        verify(&there, &body).await?.ok()?;
        drop(server);
        let server = installation.start().await?;
        let (here, there) = (here.on(&server)?, there.on(&server)?);
        verify(&there, &body).await?.refused(400)?;
        claim(&there, &code, "Key").await?.refused(403)?;
        let listed = here.get("/auth/credentials").await?.ok()?;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    }
    Ok(())
}

//! A database that does not answer: requests fail in time, the probes tell the truth, and the service ends
//! when it is told to.

use std::time::Duration;

use latchkey_e2e::{
    Outcome,
    client::Client,
    installation::{DatabaseKind, Installation},
};
use latchkey_testkit::proxy::Proxy;
use serde_json::json;
use tokio::time::{sleep, timeout};

/// The default of `http.drain_seconds`.
const DRAIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_holds_up_neither_requests_nor_the_end() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Postgres)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let (proxy, url) =
        Proxy::before(&installation.environment()["LATCHKEY__DATABASE__URL"]).await?;
    let installation = installation
        .with("DATABASE__URL", &url)
        .with("DATABASE__DEADLINE_SECONDS", "3");
    let server = installation.start().await?;
    let place = Client::of(&server)?.at("https://one.example");
    let login = json!({ "orgId": organization, "username": "admin@one.example" });
    // Nobody has registered yet.
    place.post("/auth/login/init", &login).await?.refused(401)?;

    proxy.freeze();
    let refused = place.post("/auth/login/init", &login).await?;
    let seconds: u64 = refused.headers["retry-after"].to_str()?.parse()?;
    assert!(seconds > 0);
    assert_eq!(refused.body["error"]["code"], "unavailable");
    refused.refused(503)?;
    place.get("/health/ready").await?.refused(503)?;
    place.get("/health/live").await?.ok()?;

    proxy.thaw();
    server.ready().await?;
    let mut answer = place.post("/auth/login/init", &login).await?;
    while answer.status == 503 {
        sleep(Duration::from_millis(100)).await;
        answer = place.post("/auth/login/init", &login).await?;
    }
    answer.refused(401)?;

    proxy.freeze();
    let request = place.clone();
    let hanging =
        tokio::spawn(async move { request.post("/auth/login/init", &login).await.is_ok() });
    sleep(Duration::from_millis(200)).await;
    server.terminate()?;
    let (status, log) = timeout(DRAIN, server.end()).await??;
    assert!(status.success(), "{status}: {log}");
    assert!(hanging.await?, "what had begun was not answered: {log}");
    Ok(())
}

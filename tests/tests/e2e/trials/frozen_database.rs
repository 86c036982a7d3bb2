//! A database that does not answer: requests fail in time, the probes tell the truth, and the service ends
//! when it is told to.

use std::time::{Duration, Instant};

use latchkey_e2e::{
    Outcome,
    client::Client,
    installation::{DatabaseKind, Installation},
    narration::say,
    people::{People, all_unavailable},
    trial::{rounds, some_moment, unlimited},
};
use latchkey_test_postgres::TestPostgres;
use latchkey_testkit::proxy::Proxy;
use serde_json::json;
use tokio::time::{sleep, timeout};

/// How long a call of the database may take here, in seconds.
const DEADLINE: u64 = 3;

/// What has begun is answered at the deadline, and whoever closes the connections then waits no longer for those that
/// hang. Well below `http.drain_seconds`, at which everything ends.
const END: Duration = Duration::from_secs(4 * DEADLINE);

/// Six times the default of `database.deadline_seconds`.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_holds_up_neither_requests_nor_the_end() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Postgres)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let (proxy, url) =
        Proxy::before(&installation.environment()["LATCHKEY__DATABASE__URL"]).await?;
    let installation = installation
        .with("DATABASE__URL", &url)
        .with("DATABASE__DEADLINE_SECONDS", &DEADLINE.to_string());
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
    let (status, log) = timeout(END, server.end()).await??;
    assert!(status.success(), "{status}: {log}");
    assert!(hanging.await?, "what had begun was not answered: {log}");
    Ok(())
}

/// At random moments of whole code flows: for a moment, which some do not notice, or until all have been
/// refused. Nobody waits for the database, nothing that was acknowledged is lost, and everything works as
/// soon as it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_freezes_at_any_moment_loses_nothing() -> Outcome {
    let rounds = rounds(2)?;
    let postgres = TestPostgres::start_own()?;
    let installation =
        unlimited(DatabaseKind::Sqlite)?.with("DATABASE__URL", &postgres.fresh_database()?);
    let organization = installation.bootstrap("Acme")?.organization;
    let server = installation.start().await?;
    let mut people = People::join(&installation, &organization, &server).await?;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let mut work = people.start(&server, &server).await?;
        some_moment(Duration::from_millis(600)).await;
        postgres.freeze()?;
        if round.is_multiple_of(2) {
            let since = Instant::now();
            work.halt().await?;
            longest = longest.max(since.elapsed());
            let place = Client::of(&server)?;
            let ready = timeout(PATIENCE, place.get("/health/ready")).await??;
            ready.refused(503)?;
            place.get("/health/live").await?.ok()?;
        } else {
            some_moment(Duration::from_secs(2)).await;
        }
        postgres.thaw()?;
        let (stopped, failures) = work.end().await?;
        people = stopped;
        all_unavailable(&failures)?;
    }
    let figures = people.conclude(&installation, &server).await?;
    say(&format!(
        "frozen-database: frozen {rounds} times, all refused after at most {longest:.1?}, {figures}"
    ))?;
    server.stop().await?;
    Ok(())
}

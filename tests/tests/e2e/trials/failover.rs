//! The database's server dies under whole code flows and its standby takes over: nothing that was acknowledged
//! is lost, and the service goes on without a restart.

use std::time::{Duration, Instant};

use latchkey_e2e::{
    Outcome,
    installation::DatabaseKind,
    narration::say,
    people::{People, all_unavailable},
    trial::{rounds, some_moment, unlimited},
};
use latchkey_test_postgres::TestPostgres;
use latchkey_testkit::proxy::Proxy;

/// In every other round the standby falls silent before the server dies: what is committed then is on a server
/// that is about to be gone, so it must not be acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_has_all_that_was_acknowledged() -> Outcome {
    let rounds = rounds(2)?;
    let mut primary = TestPostgres::start_own()?;
    let (proxy, url) = Proxy::before(&primary.fresh_database()?).await?;
    let installation = unlimited(DatabaseKind::Sqlite)?.with("DATABASE__URL", &url);
    let organization = installation.bootstrap("Acme")?.organization;
    let server = installation.start().await?;
    let mut people = People::join(&installation, &organization, &server).await?;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let standby = primary.standby()?;
        let mut work = people.start(&server, &server).await?;
        some_moment(Duration::from_millis(600)).await;
        if round.is_multiple_of(2) {
            standby.freeze()?;
            work.halt().await?;
        }
        drop(primary);
        if round.is_multiple_of(2) {
            standby.thaw()?;
        }
        proxy.lead_to(standby.url())?;
        let since = Instant::now();
        work.halt().await?;
        let (stopped, failures) = work.end().await?;
        people = stopped;
        all_unavailable(&failures)?;
        // It can be read, and takes no changes.
        server.not_ready().await?;
        standby.promote()?;
        server.ready().await?;
        longest = longest.max(since.elapsed());
        primary = standby;
    }
    let figures = people.conclude(&installation, &server).await?;
    say(&format!(
        "failover: {rounds} servers died, ready again after at most {longest:.1?}, {figures}"
    ))?;
    server.stop().await?;
    Ok(())
}

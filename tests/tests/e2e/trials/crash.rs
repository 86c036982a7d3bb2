//! The server is killed, or its database crashes, at random moments under whole code flows: what was
//! acknowledged is there, what was deleted stays away, nothing happens twice, and each change is told once.

use std::time::Duration;

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation},
    narration::say,
    people::{People, all_unavailable, none_answered},
    trial::{rounds, some_moment, unlimited},
};
use latchkey_test_postgres::TestPostgres;

/// What breaks.
enum Victim {
    Server,
    Postgres(TestPostgres),
}

async fn trial(installation: &Installation, victim: Victim, rounds: u32) -> Outcome {
    let organization = installation.bootstrap("Acme")?.organization;
    let mut server = installation.start().await?;
    let mut people = People::join(installation, &organization, &server).await?;
    for _ in 0..rounds {
        let work = people.start(&server, &server).await?;
        some_moment(Duration::from_millis(600)).await;
        match &victim {
            Victim::Server => {
                drop(server);
                let (stopped, failures) = work.end().await?;
                people = stopped;
                none_answered(&failures)?;
                server = installation.start().await?;
            }
            Victim::Postgres(postgres) => {
                postgres.crash()?;
                let (stopped, failures) = work.end().await?;
                people = stopped;
                all_unavailable(&failures)?;
                server.ready().await?;
            }
        }
    }
    let figures = people.conclude(installation, &server).await?;
    say(&format!("crash: {rounds} crashes, {figures}"))?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_killed_loses_nothing() -> Outcome {
    for kind in DatabaseKind::ALL {
        trial(&unlimited(kind)?, Victim::Server, rounds(5)?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_crashes_loses_nothing() -> Outcome {
    let postgres = TestPostgres::start_own()?;
    let installation =
        unlimited(DatabaseKind::Sqlite)?.with("DATABASE__URL", &postgres.fresh_database()?);
    trial(&installation, Victim::Postgres(postgres), rounds(3)?).await
}

//! An earlier version and this one on one database: the earlier one was there first, the new one brings the
//! schema on, and what is made at one works at the other.

use std::{env, path::PathBuf, time::Duration};

use latchkey_e2e::{
    Outcome,
    installation::DatabaseKind,
    narration::say,
    people::People,
    trial::{EARLIER_VARIABLE, rounds, some_moment, unlimited},
};

/// Without an earlier binary, which takes minutes to build, the earlier one is this one, so that the tests
/// show that the trial works; `cargo xtask trial two-versions` builds one.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_at_one_of_two_processes_works_at_the_other() -> Outcome {
    let rounds = rounds(2)?;
    let earlier = env::var_os(EARLIER_VARIABLE).map(PathBuf::from);
    let installation = unlimited(DatabaseKind::Postgres)?.by(earlier.as_deref());
    let organization = installation.bootstrap("Acme")?.organization;
    let old = installation.start().await?;
    let people = People::join(&installation, &organization, &old).await?;
    let (mut people, mut failures) = people.start(&old, &old).await?.end().await?;

    let installation = installation.by(None);
    let new = installation.start().await?;
    for round in 0..rounds {
        let (here, there) = if round.is_multiple_of(2) {
            (&old, &new)
        } else {
            (&new, &old)
        };
        let work = people.start(here, there).await?;
        some_moment(Duration::from_secs(2)).await;
        let (stopped, more) = work.end().await?;
        people = stopped;
        failures.extend(more);
        people.check(there).await?;
    }
    if let Some(failure) = failures.into_iter().next() {
        return Err(failure);
    }
    old.stop().await?;
    let figures = people.conclude(&installation, &new).await?;
    say(&format!(
        "two-versions: {rounds} rounds beside {}, {figures}",
        earlier.map_or("itself".into(), |path| path.display().to_string())
    ))?;
    new.stop().await?;
    Ok(())
}

//! What ceremonies cost: the binary under load, by itself or beside another one.
//!
//! Each binary and database has an installation with people who have registered. A round starts a server on
//! a copy of it, plays every ceremony there with so many users at once, and stops it; the rounds of the
//! binaries take turns. Every answer is checked, and a wrong one ends the bench with an error.

mod people;
mod table;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use latchkey_test_postgres::TestPostgres;
use tokio::task::JoinSet;

use self::{
    people::{Ceremony, People, Person},
    table::{Figures, Table},
};
use crate::{
    Outcome, binary, failure,
    installation::{DatabaseKind, Installation},
    process,
    server::Server,
};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many users are at it at once, each beginning again when it has ended.
    pub users: Vec<u32>,
    /// For how long; each user plays each ceremony at least once.
    pub lasting: Duration,
    /// How often.
    pub rounds: u32,
    /// Another binary, to compare the one under test with.
    pub against: Option<PathBuf>,
}

/// What people read, of a database.
const fn name_of(database: DatabaseKind) -> &'static str {
    match database {
        DatabaseKind::Sqlite => "SQLite",
        DatabaseKind::Postgres => "PostgreSQL",
    }
}

/// A binary on one of the databases.
struct Contestant {
    /// What the tables call the binary.
    name: &'static str,
    path: PathBuf,
    database: DatabaseKind,
    /// With nobody at work on it.
    installation: Installation,
    people: People,
}

/// The tables, as Markdown: medians of the rounds, and how many times as much the binary under test has as
/// the other one, which is the median of the quotients of each round.
pub async fn run(options: &Options) -> Outcome<String> {
    let mut contestants = Vec::new();
    for database in DatabaseKind::ALL {
        let other = options.against.as_deref().map(|path| ("other", path));
        for (name, path) in [("this", binary::path()?)].into_iter().chain(other) {
            tell(&format!("preparing {name} on {}", name_of(database)))?;
            contestants.push(Contestant::prepared(name, path, database, options).await?);
        }
    }
    let mut ceremonies = Table::new(
        &["ceremony", "database", "users"],
        &[
            "a second",
            "p50 ms",
            "p99 ms",
            "server CPU ms",
            "PostgreSQL CPU ms",
        ],
    );
    let mut processes = Table::new(
        &["database"],
        &["peak memory MiB", "start to ready ms", "binary MiB"],
    );
    for round in 1..=options.rounds {
        for contestant in &mut contestants {
            let (name, database) = (contestant.name, name_of(contestant.database));
            tell(&format!(
                "round {round} of {}: {name} on {database}",
                options.rounds
            ))?;
            let measured = contestant.round(options).await?;
            for (ceremony, users, figures) in measured.loads {
                let users = users.to_string();
                ceremonies.add(&[ceremony.name(), database, &users], name, figures);
            }
            processes.add(&[database], name, measured.process);
        }
        // Whoever goes second finds the machine as the first one left it, so they take turns in that too.
        contestants.reverse();
    }
    Ok(format!("{ceremonies}\n{processes}"))
}

/// What a round of one contestant came to.
struct Round {
    loads: Vec<(Ceremony, u32, Figures)>,
    process: Figures,
}

impl Contestant {
    async fn prepared(
        name: &'static str,
        path: &Path,
        database: DatabaseKind,
        options: &Options,
    ) -> Outcome<Self> {
        // Commands run in folders of their own.
        let path = fs::canonicalize(path)
            .map_err(|error| failure(format!("{}: {error}", path.display())))?;
        let installation = Installation::empty(database)?
            .by(Some(&path))
            .with("LIMITS__ENABLED", "false");
        let most = options.users.iter().copied().max().unwrap_or_default();
        Ok(Self {
            name,
            path,
            database,
            people: People::of(&installation, most).await?,
            installation,
        })
    }

    async fn round(&mut self, options: &Options) -> Outcome<Round> {
        let installation = self.installation.copy()?;
        let begun = Instant::now();
        let server = installation.start().await?;
        let ready = begun.elapsed();
        self.people.move_to(&server)?;
        let mut loads = Vec::new();
        // Codes leave credentials behind, so sign-ins come first.
        for ceremony in Ceremony::ALL {
            for &users in &options.users {
                self.load(ceremony, users, Duration::ZERO).await?;
                let figures = self
                    .measured(&server, ceremony, users, options.lasting)
                    .await?;
                loads.push((ceremony, users, figures));
            }
        }
        self.people.require_what_was_made().await?;
        let process = vec![
            Some(f64::from(process::peak_memory(server.process())?) / 1024.0),
            Some(milliseconds(ready)),
            Some(mebibytes(&self.path)?),
        ];
        server.stop().await?;
        Ok(Round { loads, process })
    }

    async fn measured(
        &self,
        server: &Server,
        ceremony: Ceremony,
        users: u32,
        lasting: Duration,
    ) -> Outcome<Figures> {
        let before = self.cpu(server)?;
        let begun = Instant::now();
        let mut took = self.load(ceremony, users, lasting).await?;
        let elapsed = begun.elapsed();
        let after = self.cpu(server)?;
        took.sort_unstable();
        let number = u32::try_from(took.len())?;
        let of_each = |before, after: Duration| milliseconds(after.saturating_sub(before) / number);
        Ok(vec![
            Some(f64::from(number) / elapsed.as_secs_f64()),
            percentile(&took, 50),
            percentile(&took, 99),
            Some(of_each(before.0, after.0)),
            before
                .1
                .zip(after.1)
                .map(|(before, after)| of_each(before, after)),
        ])
    }

    /// Lets so many users play the ceremony over and over for so long, and gives how long each took.
    async fn load(
        &self,
        ceremony: Ceremony,
        users: u32,
        lasting: Duration,
    ) -> Outcome<Vec<Duration>> {
        let ends = Instant::now() + lasting;
        let mut work = JoinSet::new();
        for _ in 0..users {
            work.spawn(play(Arc::clone(self.people.queue()), ceremony, ends));
        }
        let mut took = Vec::new();
        while let Some(ended) = work.join_next().await {
            took.extend(ended??);
        }
        Ok(took)
    }

    /// The CPU time that the server has used until now, and that of all of PostgreSQL.
    fn cpu(&self, server: &Server) -> Outcome<(Duration, Option<Duration>)> {
        let database = match self.database {
            DatabaseKind::Sqlite => None,
            DatabaseKind::Postgres => {
                Some(process::cpu_of_family(TestPostgres::shared()?.process()?)?)
            }
        };
        Ok((process::cpu(server.process())?, database))
    }
}

/// Plays one ceremony after the other, each time as somebody else.
async fn play(
    queue: Arc<people::Queue>,
    ceremony: Ceremony,
    ends: Instant,
) -> Outcome<Vec<Duration>> {
    let mut took = Vec::new();
    loop {
        let mut person: Person = queue.take()?;
        let begun = Instant::now();
        person.play(ceremony).await?;
        took.push(begun.elapsed());
        queue.put_back(person);
        if Instant::now() >= ends {
            return Ok(took);
        }
    }
}

/// What so many of a hundred take no longer than; they are in order.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied().map(milliseconds)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn mebibytes(file: &Path) -> Outcome<f64> {
    let kibibytes = u32::try_from(fs::metadata(file)?.len() / 1024)?;
    Ok(f64::from(kibibytes) / 1024.0)
}

/// Tells who waits, on standard error: standard output has the tables alone.
fn tell(words: &str) -> Outcome {
    Ok(writeln!(io::stderr(), "{words}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let hundred: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&hundred, 50), Some(50.0));
        assert_eq!(percentile(&hundred, 99), Some(99.0));
        assert_eq!(percentile(&hundred[..1], 99), Some(1.0));
        assert_eq!(percentile(&[], 50), None);
    }
}

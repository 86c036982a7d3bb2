//! `latchkey migrate`: the schema only.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use clap::Subcommand;
use latchkey_migrations::{Loss, Newest, Step};
use latchkey_storage::store::SqlStore;
use serde::Serialize;

use super::{
    Failure,
    answer::{answer, say},
};
use crate::{beginning, config::Settings};

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Bring the schema up to date.
    Up,
    /// Take back the newest step of the schema, and no other. Stop every process first.
    Down {
        /// Yes, take it back, if no data is lost by it.
        #[arg(long, required_unless_present = "delete_data")]
        yes: bool,
        /// Take it back even if data is lost by it: what that is, is told first.
        #[arg(long)]
        delete_data: bool,
        /// The name of an organization whose data is lost; without it, it is to be typed.
        #[arg(long, requires = "delete_data", value_name = "NAME")]
        organization: Option<String>,
    },
    /// Show which steps were taken.
    Status {
        /// Fail when a step is still to be taken.
        #[arg(long)]
        check: bool,
    },
}

/// Which steps there are, and which were taken.
#[derive(Serialize)]
struct Answer {
    steps: Vec<StepAnswer>,
}

#[derive(Serialize)]
struct StepAnswer {
    name: String,
    applied: bool,
}

pub(super) async fn migrate(command: &MigrateCommand, settings: &Settings) -> Result<(), Failure> {
    if matches!(command, MigrateCommand::Status { .. }) && !beginning::has_file(settings)? {
        // Whoever looks makes no file.
        let steps = latchkey_migrations::names().into_iter().map(|name| Step {
            name,
            is_applied: false,
        });
        return tell(command, steps.collect());
    }
    let store = beginning::store(settings).await?;
    let performed = Box::pin(perform(command, &store)).await;
    store.close().await?;
    performed
}

async fn perform(command: &MigrateCommand, store: &SqlStore) -> Result<(), Failure> {
    let connection = store.connection();
    match command {
        MigrateCommand::Up => latchkey_migrations::up(connection).await?,
        MigrateCommand::Down {
            delete_data,
            organization,
            ..
        } => take_back(store, *delete_data, organization.as_deref()).await?,
        MigrateCommand::Status { .. } => {}
    }
    tell(command, latchkey_migrations::status(connection).await?)
}

fn tell(command: &MigrateCommand, steps: Vec<Step>) -> Result<(), Failure> {
    let pending = steps.iter().filter(|step| !step.is_applied).count();
    answer(&Answer {
        steps: steps
            .into_iter()
            .map(|step| StepAnswer {
                name: step.name,
                applied: step.is_applied,
            })
            .collect(),
    })?;
    if matches!(command, MigrateCommand::Status { check: true }) && pending > 0 {
        return Err(format!(
            "steps of the schema that are still to be taken: {pending}; `latchkey migrate up` takes them"
        )
        .into());
    }
    Ok(())
}

/// Takes back the newest step, unless data is lost by it and that is not wanted.
async fn take_back(
    store: &SqlStore,
    delete_data: bool,
    organization: Option<&str>,
) -> Result<(), Failure> {
    let connection = store.connection();
    let Some(newest) = latchkey_migrations::newest(connection).await? else {
        return Err("no step of the schema was taken, so there is none to take back".into());
    };
    if !newest.losses.is_empty() {
        let told = told(&newest);
        if !delete_data {
            return Err(format!(
                "{told}\nIf that is wanted, make a backup, and say --delete-data instead of --yes"
            )
            .into());
        }
        let organizations = latchkey_migrations::organizations(connection).await?;
        if !organizations.is_empty() {
            let typed = match organization {
                Some(name) => name.to_owned(),
                None => typed_name(&told)?,
            };
            if !organizations.contains(&typed) {
                return Err(format!(
                    "{told}\nThere is no organization {typed:?} here, so perhaps this is not the database that \
                     is meant: nothing was changed"
                )
                .into());
            }
        }
    }
    // Somebody may have been at work meanwhile, so it is judged once more where nobody can be.
    match latchkey_migrations::step_down(connection, &newest).await? {
        None => {
            say(
                "a process that still serves this database is not ready any more: stop it, or take the step again with \
                 `latchkey migrate up`",
            );
            Ok(())
        }
        Some(now) => Err(format!(
            "the database has changed meanwhile, so nothing was: stop every process, and try again. Now {}",
            told(&now)
        )
        .into()),
    }
}

/// What would be lost, a line each.
fn told(newest: &Newest) -> String {
    let Newest { step, losses } = newest;
    if losses.is_empty() {
        return format!("to take back {step} loses nothing");
    }
    let mut text = format!("to take back {step} loses for ever:");
    for Loss { what, rows } in losses {
        // A string takes everything.
        let _written = write!(text, "\n  {what}: {rows}");
    }
    text
}

/// The name that is typed at a terminal.
fn typed_name(told: &str) -> Result<String, Failure> {
    let terminal = io::stdin();
    if !terminal.is_terminal() {
        return Err(format!("{told}\nSay whose data that is: --organization NAME").into());
    }
    let mut screen = io::stderr();
    write!(
        screen,
        "{told}\nStop every process first. Type the name of the organization whose data that is: "
    )?;
    screen.flush()?;
    let mut name = String::new();
    terminal.lock().read_line(&mut name)?;
    Ok(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_lost_is_a_line_each() {
        let losses = [("users", 7), ("credentials", 12)].map(|(what, rows)| Loss { what, rows });
        let newest = Newest {
            step: "m0001_foundation".to_owned(),
            losses: losses.to_vec(),
        };
        assert_eq!(
            told(&newest),
            "to take back m0001_foundation loses for ever:\n  users: 7\n  credentials: 12"
        );
    }
}

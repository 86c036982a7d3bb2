//! `latchkey migrate`: the schema only.

use clap::Subcommand;
use serde::Serialize;

use super::{Failure, answer};
use crate::{config::Settings, wiring};

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Bring the schema up to date.
    Up,
    /// Take the schema back: all data is deleted.
    Down {
        /// Yes, delete all data.
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Show which steps were taken.
    Status {
        /// End with exit status 1 when steps are pending.
        #[arg(long)]
        check: bool,
    },
}

/// Which steps there are, and which were taken.
#[derive(Serialize)]
struct Answer {
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    name: String,
    applied: bool,
}

pub(super) async fn migrate(command: &MigrateCommand, settings: &Settings) -> Result<(), Failure> {
    let store = wiring::store(settings).await?;
    match command {
        MigrateCommand::Up => latchkey_migrations::up(store.connection()).await?,
        MigrateCommand::Down { yes: _ } => latchkey_migrations::down(store.connection()).await?,
        MigrateCommand::Status { .. } => {}
    }
    let steps = latchkey_migrations::status(store.connection()).await?;
    store.close().await?;
    let pending = steps.iter().filter(|step| !step.is_applied).count();
    answer(&Answer {
        steps: steps
            .into_iter()
            .map(|step| Step {
                name: step.name,
                applied: step.is_applied,
            })
            .collect(),
    })?;
    if matches!(command, MigrateCommand::Status { check: true }) && pending > 0 {
        return Err(format!("{pending} steps are pending: run latchkey migrate up").into());
    }
    Ok(())
}

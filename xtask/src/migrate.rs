//! `cargo xtask migrate`: what `latchkey migrate` does, from the sources.

use clap::Subcommand;

use crate::{
    Outcome,
    workspace::{self, Workspace},
};

#[derive(Clone, Copy, Subcommand)]
pub(crate) enum Direction {
    /// Bring the schema up to date.
    Up,
    /// Take back the newest step of the schema, if no data is lost by it.
    Down,
    /// Show which steps were taken.
    Status,
}

pub(crate) fn run(workspace: &Workspace, direction: Direction) -> Outcome {
    let words: &[&str] = match direction {
        Direction::Up => &["migrate", "up"],
        Direction::Down => &["migrate", "down", "--yes"],
        Direction::Status => &["migrate", "status"],
    };
    workspace::run(&mut workspace.latchkey(words))
}

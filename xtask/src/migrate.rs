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
    /// Take the schema back: all data is deleted.
    Down,
    /// Show which steps were taken.
    Status,
}

pub(crate) fn run(workspace: &Workspace, direction: Direction) -> Outcome {
    let word = match direction {
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::Status => "status",
    };
    workspace::run(&mut workspace.latchkey(&["migrate", word]))
}

//! `cargo xtask …`: everything a developer does with the workspace, beside what `cargo` does itself.
//!
//! The plan of the house (crate arrows, lints, what ARCHITECTURE.md names) is kept true by `tests/`.
//! To add a task, add it to [`Task`] and give it a file.

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use self::workspace::Workspace;

mod workspace;

mod bench;
mod ci;
mod codegen;
mod demo;
mod migrate;
mod screenshots;
mod test;
mod trial;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the Latchkey workspace.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Change or show the schema of the configured database.
    #[command(subcommand)]
    Migrate(migrate::Direction),
    /// Run every test; sets up what the tests need.
    Test,
    /// Run the end-to-end tests only; sets up what they need.
    E2e,
    /// Play the whole flow between two domains with a throwaway server, and print it.
    Demo,
    /// Break things at random, over and over, and see that nothing is lost.
    Trial(trial::Trial),
    /// Measure what ceremonies cost, of a release build; `cargo xtask bench --help` has the options.
    #[command(disable_help_flag = true)]
    Bench {
        /// Given to the load driver.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
    /// Take pictures of every page in every state, into target/screenshots.
    Screenshots,
    /// Everything that is checked before a change lands.
    Ci,
    /// Write the documents that are generated from the code.
    Codegen {
        /// Change nothing; fail when a document is stale.
        #[arg(long)]
        check: bool,
    },
}

/// How a task ends; an error says what is wrong and what to do.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match perform(&Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to when standard error is closed.
            let _ = writeln!(io::stderr(), "xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: &Task) -> Outcome {
    let workspace = Workspace::find()?;
    match task {
        Task::Migrate(direction) => migrate::run(&workspace, *direction),
        Task::Test => test::everything(&workspace),
        Task::E2e => test::end_to_end(&workspace),
        Task::Demo => demo::play(&workspace),
        Task::Trial(trial) => trial::go_round(&workspace, trial),
        Task::Bench { options } => bench::measure(&workspace, options),
        Task::Screenshots => screenshots::run_tour(&workspace),
        Task::Ci => ci::run_script(&workspace),
        Task::Codegen { check } => codegen::run(&workspace, *check),
    }
}

/// Tells whoever runs the task what happens.
fn say(words: impl AsRef<str>) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", words.as_ref())?;
    Ok(output.flush()?)
}

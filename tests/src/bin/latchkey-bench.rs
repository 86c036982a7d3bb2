//! The load driver of `cargo xtask bench`, which builds it as users build the server. See docs/performance.md.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use clap::{Parser, value_parser};
use latchkey_e2e::{
    Outcome,
    bench::{Options, run},
};

/// Measures what ceremonies cost, on both databases; the tables are Markdown.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Another binary, to compare with round by round.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// For how long each ceremony is played, in seconds, at each number of users.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u64).range(0..=20))]
    seconds: u64,
    /// How many rounds; the figures are medians.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many users are at it at once.
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        default_value = "8,32",
        value_parser = value_parser!(u32).range(1..=256),
    )]
    users: Vec<u32>,
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments = Arguments::parse();
    let options = Options {
        users: arguments.users,
        lasting: Duration::from_secs(arguments.seconds),
        rounds: arguments.rounds,
        against: arguments.against,
    };
    let tables = run(&options).await?;
    Ok(write!(io::stdout(), "{tables}")?)
}

//! What `cargo xtask bench` runs, for a moment: that every ceremony is measured, whatever the figures are.

use std::time::Duration;

use latchkey_e2e::{
    Outcome,
    bench::{Options, run},
    binary,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bench_measures_every_ceremony_on_both_databases() -> Outcome {
    let options = Options {
        users: vec![1, 2],
        lasting: Duration::ZERO,
        rounds: 2,
        against: Some(binary::path()?.to_owned()),
    };
    let tables = run(&options).await?;
    let count = |row: &str| tables.lines().filter(|line| line.starts_with(row)).count();
    for database in ["SQLite", "PostgreSQL"] {
        for ceremony in ["sign-in", "code flow"] {
            for users in &options.users {
                for binary in ["this", "other", "quotient"] {
                    let row = format!("| {ceremony} | {database} | {users} | {binary} | ");
                    assert_eq!(count(&row), 1, "{row} in\n{tables}");
                }
            }
        }
        for binary in ["this", "other", "quotient"] {
            let row = format!("| {database} | {binary} | ");
            assert_eq!(count(&row), 1, "{row} in\n{tables}");
        }
    }
    Ok(())
}

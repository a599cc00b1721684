//! Parses arguments, dispatches, and turns the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    smolvm_tui::cli::main()
}

//! Subcommands without a screen.

use std::process::ExitCode;

/// The program: reads the arguments, runs one subcommand or the dashboard, returns the exit code.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}

//! The shim process itself.

use std::process::ExitCode;

mod agent;
mod boot;
mod clients;
mod console;
mod ending;
mod gap;
mod host;
mod life;
mod operations;
mod owner;
mod typing;

/// The hidden subcommand `__shim --data-dir DIR --task start|adopt NAME`: never returns before the
/// VM has ended and that is written down.
pub fn main(arguments: &[std::ffi::OsString]) -> ExitCode {
    let _ = arguments;
    ExitCode::FAILURE
}

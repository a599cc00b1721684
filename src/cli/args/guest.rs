//! The arguments of what is done inside a guest.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::{SpecArgs, seconds};

#[derive(Debug, Args)]
pub(in crate::cli) struct ExecArgs {
    /// The VM
    pub(in crate::cli) name: String,
    /// Boot the VM first if it does not run
    #[arg(long)]
    pub(in crate::cli) start: bool,
    #[command(flatten)]
    pub(in crate::cli) how: HowArgs,
    /// The program and its arguments, which no shell looks at
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(in crate::cli) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    pub(in crate::cli) spec: SpecArgs,
    #[command(flatten)]
    pub(in crate::cli) how: HowArgs,
    /// The program and its arguments; without it the console is attached
    #[arg(last = true, value_name = "CMD")]
    pub(in crate::cli) command: Vec<OsString>,
}

/// How a command is run.
#[derive(Debug, Args)]
pub(in crate::cli) struct HowArgs {
    /// Pass standard input on
    #[arg(short, long)]
    pub(in crate::cli) interactive: bool,
    /// Give the command a terminal, of this one's size
    #[arg(short, long)]
    pub(in crate::cli) tty: bool,
    /// Kill the command after so many seconds, and exit with 124
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(in crate::cli) timeout: Option<Duration>,
    /// Set a variable; without a value the one of this environment is handed on
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(in crate::cli) env: Vec<OsString>,
    /// Where to run it; the user's home without
    #[arg(short = 'w', long, value_name = "DIR")]
    pub(in crate::cli) cwd: Option<OsString>,
    /// As whom to run it, a name or a number; root without
    #[arg(short, long, value_name = "USER")]
    pub(in crate::cli) user: Option<OsString>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CpArgs {
    /// What to copy: a path here, or `NAME:/path` in the guest of a VM
    #[arg(value_name = "SRC")]
    pub(in crate::cli) source: OsString,
    /// Where to, or the directory to put it in: the other of the two
    #[arg(value_name = "DST")]
    pub(in crate::cli) target: OsString,
}

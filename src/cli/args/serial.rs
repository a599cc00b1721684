//! The arguments of `send`, `expect`, `logs` and `record`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::seconds;

#[derive(Debug, Args)]
pub(in crate::cli) struct SendArgs {
    /// The VM
    pub(in crate::cli) name: String,
    /// What to type; \n \r \t \xNN and \\ are understood, and no newline is added
    #[arg(required_unless_present_any = ["is_break", "sysrq"], value_name = "TEXT")]
    pub(in crate::cli) text: Vec<String>,
    /// Send a BREAK instead; a Linux guest takes what is typed in the 5 s after it for a key of `SysRq`
    #[arg(long = "break", conflicts_with_all = ["text", "sysrq"])]
    pub(in crate::cli) is_break: bool,
    /// Send a BREAK and this letter, by which a Linux guest does what `SysRq` and the key do
    #[arg(long, value_name = "LETTER", conflicts_with = "text")]
    pub(in crate::cli) sysrq: Option<char>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExpectArgs {
    /// The VM
    pub(in crate::cli) name: String,
    /// A regular expression; ^ and $ match at each line
    #[arg(allow_hyphen_values = true)]
    pub(in crate::cli) regex: String,
    /// How long to wait, in seconds
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "30")]
    pub(in crate::cli) timeout: Duration,
    /// Where to begin instead of the last `send`
    #[arg(long)]
    pub(in crate::cli) from: Option<Beginning>,
}

/// Where `expect` begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Beginning {
    /// With what comes from now on
    Now,
    /// Where this boot began
    Boot,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogsArgs {
    /// The VM
    pub(in crate::cli) name: String,
    /// Go on with what comes, until the VM ends
    #[arg(short, long)]
    pub(in crate::cli) follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub(in crate::cli) tail: Option<usize>,
    /// Only this boot, by its number in `boots`
    #[arg(long, value_name = "K")]
    pub(in crate::cli) boot: Option<u64>,
    /// When each line came: since its boot's power-on, or by the wall clock
    #[arg(long, value_name = "CLOCK", conflicts_with_all = ["follow", "raw"])]
    pub(in crate::cli) times: Option<Clock>,
    /// Every byte as the guest said it, escapes too; not on a terminal unless forced
    #[arg(long, conflicts_with_all = ["follow", "tail"])]
    pub(in crate::cli) raw: bool,
    /// On a terminal all the same, which then obeys the guest
    #[arg(long, requires = "raw")]
    pub(in crate::cli) force: bool,
    /// Into this file, which must not be there yet
    #[arg(short, long, value_name = "FILE", conflicts_with = "follow")]
    pub(in crate::cli) output: Option<PathBuf>,
}

/// From when times count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Clock {
    /// Seconds since the boot's power-on
    Boot,
    /// Date and time, UTC
    Wall,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordArgs {
    /// The VM
    pub(in crate::cli) name: String,
    /// The file, which must not be there yet; `-` is stdout. Without it, NAME-BOOT.cast
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// This boot, by its number in `boots`, and not the last
    #[arg(long, value_name = "K")]
    pub(in crate::cli) boot: Option<u64>,
    /// Go on with what comes, until the VM ends or Ctrl-C
    #[arg(short, long)]
    pub(in crate::cli) follow: bool,
}

//! The arguments of `send` and `expect`.

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

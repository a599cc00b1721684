//! `sweep`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::output::{Outcome, Reply};
use super::runtime::block_on;

/// What a crash leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Remains {
    /// VMMs that belong to no VM
    Vmms,
    /// Run directories of no VM, with their sockets
    Sockets,
    /// TAP devices that no VM needs, and the packet filter's rules with the last one
    Taps,
}

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    /// Only these; all without
    #[arg(value_enum, value_name = "WHAT")]
    pub(super) what: Vec<Remains>,
}

pub(super) fn run(context: &Context, args: &SweepArgs) -> Outcome {
    let fleet = &context.fleet;
    let is_meant = |remains: &&Remains| args.what.is_empty() || args.what.contains(remains);
    let mut removed = Vec::new();
    // In their order, whatever was said: a VMM that lives keeps its device open.
    for remains in Remains::value_variants().iter().filter(is_meant) {
        removed.extend(match remains {
            Remains::Vmms => block_on(fleet.end_orphaned_vmms())?,
            Remains::Sockets => fleet.remove_stale_run_dirs()?,
            Remains::Taps => fleet.remove_network_leftovers()?,
        });
    }
    let text = if removed.is_empty() {
        "nothing is left over\n".to_owned()
    } else {
        removed.join("\n") + "\n"
    };
    Reply::new(text, json!({ "removed": removed }))
}

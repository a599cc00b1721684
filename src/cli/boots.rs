//! `boots`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::output::{self, Outcome, Reply};
use crate::vm::{Alike, BootPhase, BootRecord, BootResult};

#[derive(Debug, Args)]
pub(super) struct BootsArgs {
    /// The VM
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Of all VMs, those that are gone included
    #[arg(long)]
    all: bool,
}

pub(super) fn run(context: &Context, args: &BootsArgs) -> Outcome {
    let (boots, none) = match &args.name {
        Some(name) => {
            let vm = context.fleet.store.find(name)?;
            let none = format!("VM `{}` was never started\n", vm.name);
            (context.fleet.boots(&vm)?, none)
        }
        None => (
            context.fleet.history()?,
            "no VM was ever started\n".to_owned(),
        ),
    };
    let alike = Alike::groups(&boots);
    let text = if boots.is_empty() {
        none
    } else {
        format!("{}\n{}", each(&boots, args.all), usual(&alike))
    };
    let alike: Vec<Value> = alike.iter().map(group).collect();
    Reply::new(text, json!({ "boots": boots, "alike": alike }))
}

/// Boots that are alike: what they are, which they are, and when each phase usually came.
fn group(alike: &Alike<'_>) -> Value {
    let first = alike.first();
    let phases = BootPhase::ALL.into_iter().filter_map(|phase| {
        let spread = alike.spread(phase)?;
        Some((phase.word().to_owned(), json!(spread)))
    });
    let ids = alike.boots().iter();
    json!({
        "image": first.image,
        "image_name": first.image_name,
        "own_files": first.own_files,
        "backend": first.backend,
        "accel": first.accel,
        "cpus": first.cpus,
        "mem_size_mib": first.mem_size_mib,
        "boots": ids.map(|boot| json!({ "vm": boot.vm, "vm_id": boot.vm_id, "id": boot.id })).collect::<Vec<_>>(),
        "phases": phases.collect::<Map<_, _>>(),
    })
}

/// A row for each kind of boot: how often, and how long to *ready*.
fn usual(alike: &[Alike<'_>]) -> String {
    let rows: Vec<Vec<String>> = alike
        .iter()
        .map(|alike| {
            let first = alike.first();
            let ready = alike.spread(BootPhase::Ready);
            let time = |of: Option<u64>| milliseconds(of);
            vec![
                first.content(),
                format!("{}/{}", first.backend, first.accel),
                first.cpus.to_string(),
                format!("{} MiB", first.mem_size_mib),
                alike.boots().len().to_string(),
                time(ready.map(|ready| ready.p25)),
                time(ready.map(|ready| ready.p50)),
                time(ready.map(|ready| ready.p75)),
            ]
        })
        .collect();
    let head = [
        "IMAGE",
        "BACKEND",
        "CPUS",
        "MEMORY",
        "BOOTS",
        "READY P25",
        "MEDIAN",
        "P75",
    ];
    output::table(&head, &rows)
}

/// The boots of one VM.
pub(super) fn table(boots: &[BootRecord]) -> String {
    each(boots, false)
}

/// The boots with the offset of each phase from *spawned* in ms; a phase that did not happen is a
/// dash.
fn each(boots: &[BootRecord], named: bool) -> String {
    let phases = &BootPhase::ALL[1..];
    let words: Vec<String> = phases
        .iter()
        .map(|phase| phase.word().to_uppercase())
        .collect();
    let mut head = vec!["BOOT", "AT", "BACKEND", "RESULT"];
    head.extend(words.iter().map(String::as_str));
    if named {
        head.insert(0, "VM");
    }
    let rows: Vec<Vec<String>> = boots
        .iter()
        .map(|boot| {
            let at = boot.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
            let backend = format!("{}/{}", boot.backend, boot.accel);
            let mut row = vec![
                boot.id.to_string(),
                at,
                backend,
                result(boot.result).to_owned(),
            ];
            row.extend(
                phases
                    .iter()
                    .map(|&phase| milliseconds(boot.phases.get(phase))),
            );
            if named {
                row.insert(0, boot.vm.to_string());
            }
            row
        })
        .collect();
    output::table(&head, &rows)
}

pub(super) fn milliseconds(us: Option<u64>) -> String {
    output::or_dash(us.map(|us| format!("{}.{} ms", us / 1000, us / 100 % 10)))
}

fn result(result: BootResult) -> &'static str {
    match result {
        BootResult::Booting => "booting",
        BootResult::Ready => "ready",
        BootResult::Stopped => "stopped",
        BootResult::Crashed => "crashed",
        BootResult::Failed => "failed",
    }
}

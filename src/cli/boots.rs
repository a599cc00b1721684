//! `boots`.

use serde_json::json;

use super::args::NameArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use crate::vm::{BootPhase, BootRecord, BootResult};

pub(super) fn run(context: &Context, args: &NameArgs) -> Outcome {
    let vm = context.fleet.store.find(&args.name)?;
    let boots = context.fleet.boots(&vm)?;
    let text = if boots.is_empty() {
        format!("VM `{}` was never started\n", vm.name)
    } else {
        table(&boots)
    };
    Reply::new(text, json!({ "boots": boots }))
}

/// The boots with the offset of each phase from *spawned* in ms; a phase that did not happen is a
/// dash.
pub(super) fn table(boots: &[BootRecord]) -> String {
    let phases = &BootPhase::ALL[1..];
    let words: Vec<String> = phases
        .iter()
        .map(|phase| phase.word().to_uppercase())
        .collect();
    let mut head = vec!["BOOT", "AT", "BACKEND", "RESULT"];
    head.extend(words.iter().map(String::as_str));
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
            row
        })
        .collect();
    output::table(&head, &rows)
}

fn milliseconds(us: Option<u64>) -> String {
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

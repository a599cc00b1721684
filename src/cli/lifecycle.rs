//! `start`, `stop`, `restart`, `kill`, `pause`, `resume` and `rm`: several names, one result each.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::args::{LifecycleArgs, RmArgs};
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use crate::fault::Failure;
use crate::fleet::{self, Fleet, VmRow};
use crate::vm::{BootPhase, Operation, Phase, Vm};

/// One operation on one VM, as the arguments ask for it.
#[derive(Clone, Copy, Debug)]
struct Order {
    operation: Operation,
    force: bool,
    stop_timeout: Option<Duration>,
    /// How long the guest may take to get ready, when that is to be waited for.
    ready_timeout: Option<Duration>,
}

pub(super) fn start(context: &Context, args: &LifecycleArgs) -> Outcome {
    let ready = Some(Context::ready_timeout(args.wait.timeout)).filter(|_| args.wait.wait);
    operate(
        context,
        &args.names,
        Order {
            ready_timeout: ready,
            ..Order::of(Operation::Start)
        },
    )
}

pub(super) fn restart(context: &Context, args: &LifecycleArgs) -> Outcome {
    let ready = Some(Context::ready_timeout(args.wait.timeout)).filter(|_| args.wait.wait);
    // With `--wait` the timeout is the guest's for getting ready, as with `start`.
    let stop = args.wait.timeout.filter(|_| !args.wait.wait);
    let order = Order {
        ready_timeout: ready,
        stop_timeout: stop,
        ..Order::of(Operation::Restart)
    };
    operate(context, &args.names, order)
}

pub(super) fn stop(context: &Context, args: &LifecycleArgs) -> Outcome {
    let stop_timeout = args.wait.timeout;
    operate(
        context,
        &args.names,
        Order {
            stop_timeout,
            ..Order::of(Operation::Stop)
        },
    )
}

pub(super) fn kill(context: &Context, args: &LifecycleArgs) -> Outcome {
    operate(context, &args.names, Order::of(Operation::Kill))
}

pub(super) fn pause(context: &Context, args: &LifecycleArgs) -> Outcome {
    operate(context, &args.names, Order::of(Operation::Pause))
}

pub(super) fn resume(context: &Context, args: &LifecycleArgs) -> Outcome {
    operate(context, &args.names, Order::of(Operation::Resume))
}

pub(super) fn rm(context: &Context, args: &RmArgs) -> Outcome {
    let force = args.force;
    operate(
        context,
        &args.names,
        Order {
            force,
            ..Order::of(Operation::Remove)
        },
    )
}

impl Order {
    fn of(operation: Operation) -> Self {
        Self {
            operation,
            force: false,
            stop_timeout: None,
            ready_timeout: None,
        }
    }
}

fn operate(context: &Context, names: &[String], order: Order) -> Outcome {
    // A name given twice is one VM, and must not be in its own way.
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(&name.as_str()) {
            distinct.push(name);
        }
    }
    let fleet = &context.fleet;
    let results = block_on(async {
        let each = distinct.iter().map(|&name| carry_out(fleet, name, order));
        Ok(join_all(each).await)
    })?;
    answer(fleet, order.operation, &distinct, results)
}

async fn carry_out(fleet: &Fleet, name: &str, order: Order) -> Result<Vm, Failure> {
    let vm = fleet
        .operate(name, order.operation, order.force, order.stop_timeout)
        .await?;
    match order.ready_timeout {
        Some(timeout) => wait(fleet, name, timeout).await,
        None => Ok(vm),
    }
}

/// Waits until the guest is ready and tells the phases on stderr when a person reads along.
pub(super) async fn wait(fleet: &Fleet, name: &str, timeout: Duration) -> Result<Vm, Failure> {
    let mut tell = |phase: BootPhase, offset_us: u64| {
        output::progress(&progress_line(name, phase, offset_us));
    };
    fleet.watch_ready(name, timeout, &mut tell).await
}

fn progress_line(name: &str, phase: BootPhase, offset_us: u64) -> String {
    // For people; the exact figures are in `boots`.
    let (seconds, hundredths) = (offset_us / 1_000_000, offset_us / 10_000 % 100);
    let word = phase.word().replace('_', " ");
    format!("{name}: {word} {seconds}.{hundredths:02} s")
}

/// One row for each VM; a failure does not hide what became of the others.
fn answer(
    fleet: &Fleet,
    operation: Operation,
    names: &[&str],
    results: Vec<Result<Vm, Failure>>,
) -> Outcome {
    let mut rows = Vec::new();
    let mut text = String::new();
    let mut failures = Vec::new();
    for (&name, result) in names.iter().zip(results) {
        match result {
            Ok(vm) => {
                let word = match (operation, vm.phase) {
                    (Operation::Remove, _) => "removed".to_owned(),
                    (_, Phase::Running) if vm.state.ready => "running, ready".to_owned(),
                    (_, phase) => phase.to_string(),
                };
                text.extend([name, ": ", &word, "\n"]);
                if let Some(problem) = &vm.problem {
                    let hint = problem.hint.as_deref().unwrap_or_default();
                    let hint = if hint.is_empty() {
                        String::new()
                    } else {
                        format!(" ({hint})")
                    };
                    let line = format!("warning: {name}: {}{hint}", problem.message);
                    output::note(&output::inert(&line));
                }
                rows.push(fleet::row(&vm));
            }
            Err(failure) => {
                rows.push(row_of_failure(fleet, name, &failure));
                failures.push((name, failure));
            }
        }
    }
    let count = names.len();
    let mut reply = Reply::new(text, json!({ "vms": rows }))?;
    reply.failure = match failures.len() {
        0 | 1 if count <= 1 => failures.pop().map(|(_, failure)| failure),
        0 => None,
        failed => Some(summary(operation, count, failed, &failures)),
    };
    Ok(reply)
}

/// The row of a VM on which an operation failed; of an unknown one only the name is known.
pub(super) fn row_of_failure(fleet: &Fleet, name: &str, failure: &Failure) -> VmRow {
    let row = fleet.store.find(name).map(|vm| fleet::row(&vm));
    VmRow {
        error: Some(failure.message.clone()),
        ..row.unwrap_or_else(|_| VmRow {
            name: name.to_owned(),
            ..VmRow::default()
        })
    }
}

fn summary(
    operation: Operation,
    count: usize,
    failed: usize,
    failures: &[(&str, Failure)],
) -> Failure {
    let lines: Vec<String> = failures
        .iter()
        .map(|(name, failure)| match &failure.hint {
            Some(hint) => format!("{name}: {} ({hint})", failure.message),
            None => format!("{name}: {}", failure.message),
        })
        .collect();
    let same = failures.first().map(|(_, failure)| failure.code);
    let same = same.filter(|code| failures.iter().all(|(_, failure)| failure.code == *code));
    Failure::new(
        same.unwrap_or(crate::fault::Code::RuntimeError),
        format!("could not {} {failed} of {count} VMs", operation.word()),
    )
    .with_details(lines.join("\n"))
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;

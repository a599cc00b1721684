//! `bench boot`.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Cli, Command, seconds};
use super::boots::milliseconds;
use super::context::Context;
use super::create;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use crate::fault::{Code, Failure};
use crate::fleet::{BenchPlan, Draft, Lap, Machine, Measured};
use crate::vm::{BootPhase, BootRecord};

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Boot fresh VMs in turn and tell how their times are spread
    Boot(BenchBootArgs),
}

#[derive(Debug, Args)]
pub(super) struct BenchBootArgs {
    /// How many boots count
    #[arg(short, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=1000))]
    n: u16,
    /// How many boots come before and do not count
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(0..=100))]
    warm_up: u16,
    /// Image to boot
    #[arg(long)]
    image: Option<String>,
    /// An option of `create` for the VMs, such as memory=512
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
    /// The same for VMs to compare with, pair by pair: what is not said is as with the others
    #[arg(long, value_name = "KEY=VALUE")]
    against: Vec<String>,
    /// How long a guest may take to be ready, in seconds
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "60")]
    timeout: Duration,
}

pub(super) fn run(context: &Context, command: &BenchCommand) -> Outcome {
    match command {
        BenchCommand::Boot(args) => boot(context, args),
    }
}

fn boot(context: &Context, args: &BenchBootArgs) -> Outcome {
    let image = args.image.iter().map(|image| format!("image={image}"));
    let with: Vec<String> = image.chain(args.with.iter().cloned()).collect();
    let against: Vec<String> = with.iter().chain(&args.against).cloned().collect();
    let plan = BenchPlan {
        draft: draft(context, &with)?,
        against: if args.against.is_empty() {
            None
        } else {
            Some(draft(context, &against)?)
        },
        boots: args.n.into(),
        warm_up: args.warm_up.into(),
        deadline: args.timeout,
    };
    let machine = Machine::this();
    let mut tell = |lap: Lap| output::progress(&progress_line(&plan, lap));
    let measured = block_on(async {
        let mut hang_up = signal(SignalKind::hangup()).map_err(|error| no_signals(&error))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| no_signals(&error))?;
        // Whichever comes first, what is dropped then takes its VM with it.
        tokio::select! {
            measured = context.fleet.measure_boots(&plan, &mut tell) => measured,
            _ = hang_up.recv() => Err(interrupted()),
            _ = terminate.recv() => Err(interrupted()),
        }
    })?;
    let text = text(&plan, &machine, &measured);
    Reply::new(text, answer(&plan, &machine, &measured, &args.against))
}

fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "interrupted")
}

fn no_signals(error: &std::io::Error) -> Failure {
    let what = format!("could not listen to signals: {error}");
    Failure::new(Code::RuntimeError, what)
}

/// A draft of settings, each an option of `create` without its dashes.
fn draft(context: &Context, settings: &[String]) -> Result<Draft, Failure> {
    let words = settings.iter().map(|setting| format!("--{setting}"));
    let line = ["smolvm-tui", "create"].map(str::to_owned);
    let wrong = |what: &str| {
        let failure = Failure::new(Code::UsageError, format!("{what} is no setting of a VM"));
        failure.with_hint("say KEY=VALUE with an option of `create`, such as memory=512")
    };
    if let Some(bare) = settings.iter().find(|setting| !setting.contains('=')) {
        return Err(wrong(&format!("`{bare}`")));
    }
    let cli = Cli::try_parse_from(line.into_iter().chain(words)).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().next().unwrap_or_default();
        let said = settings.join(" ");
        wrong(&format!("`{said}`")).with_details(reason.trim_start_matches("error: "))
    })?;
    match cli.command {
        Some(Command::Create(args)) if !args.start && !args.wait.wait => {
            let backend = cli.globals.backend.or_else(|| context.backend.clone());
            Ok(create::draft(args.name, args.spec, backend))
        }
        _ => Err(wrong(&format!("`{}`", settings.join(" ")))),
    }
}

/// `boot 3 of 10: ready after 812.3 ms`
fn progress_line(plan: &BenchPlan, lap: Lap) -> String {
    let time = milliseconds(Some(lap.ready_us));
    let which = if lap.against { ", compared with" } else { "" };
    match lap.round.checked_sub(plan.warm_up) {
        Some(round) => format!(
            "boot {} of {}{which}: ready after {time}",
            round + 1,
            plan.boots
        ),
        None => format!(
            "warm-up {} of {}{which}: ready after {time}",
            lap.round + 1,
            plan.warm_up
        ),
    }
}

fn text(plan: &BenchPlan, machine: &Machine, measured: &Measured) -> String {
    let Some(first) = measured.boots.first() else {
        return String::new();
    };
    let mut text = format!("{}\n", machine.told());
    text.push_str(&side(plan, first, &measured.boots));
    if let Some(other) = measured.against.first() {
        text.push_str("\ncompared with ");
        text.push_str(&side(plan, other, &measured.against));
        text.push_str("\npair by pair, what was compared with less what was measured\n");
        text.push_str(&pairs(measured));
    }
    text
}

/// One configuration: what it is, and a row for each phase.
fn side(plan: &BenchPlan, first: &BootRecord, boots: &[BootRecord]) -> String {
    let vmm = first
        .versions
        .vmm
        .as_deref()
        .unwrap_or("of unknown version");
    let head = format!(
        "{} boots of {} on {}/{} ({} {vmm}), {} vCPUs, {} MiB, {} before to warm up\n",
        boots.len(),
        first.content(),
        first.backend,
        first.accel,
        first.backend,
        first.cpus,
        first.mem_size_mib,
        plan.warm_up
    );
    let rows = BootPhase::ALL.into_iter().skip(1).filter_map(|phase| {
        let spread = Measured::spread(boots, phase)?;
        let times = [spread.p50, spread.p95, spread.min, spread.max];
        let mut row = vec![phase.word().to_owned()];
        row.extend(times.map(|us| milliseconds(Some(us))));
        Some(row)
    });
    let rows: Vec<_> = rows.collect();
    head + &output::table(&["PHASE", "P50", "P95", "MIN", "MAX"], &rows)
}

fn pairs(measured: &Measured) -> String {
    let rows = BootPhase::ALL.into_iter().skip(1).filter_map(|phase| {
        let difference = measured.difference(phase)?;
        let mut row = vec![phase.word().to_owned()];
        row.extend([difference.p50, difference.p25, difference.p75].map(signed));
        row.push(format!("{} of {}", difference.faster, difference.n));
        Some(row)
    });
    let rows: Vec<_> = rows.collect();
    output::table(&["PHASE", "MEDIAN", "P25", "P75", "FASTER IN"], &rows)
}

fn signed(us: i64) -> String {
    let sign = if us < 0 { '-' } else { '+' };
    format!("{sign}{}", milliseconds(Some(us.unsigned_abs())))
}

fn answer(plan: &BenchPlan, machine: &Machine, measured: &Measured, against: &[String]) -> Value {
    let mut answer = measured
        .boots
        .first()
        .map_or_else(Map::new, |first| facts(first, &measured.boots));
    answer.insert("n".to_owned(), json!(plan.boots));
    answer.insert("warm_up".to_owned(), json!(plan.warm_up));
    answer.insert("machine".to_owned(), json!(machine));
    if let Some(first) = measured.against.first() {
        let mut other = facts(first, &measured.against);
        other.insert("settings".to_owned(), json!(against));
        answer.insert("against".to_owned(), Value::Object(other));
        let pairs = BootPhase::ALL.into_iter().filter_map(|phase| {
            let difference = measured.difference(phase)?;
            Some((phase.word().to_owned(), json!(difference)))
        });
        answer.insert("pairs".to_owned(), Value::Object(pairs.collect()));
    }
    Value::Object(answer)
}

/// One configuration, with its times in µs.
fn facts(first: &BootRecord, boots: &[BootRecord]) -> Map<String, Value> {
    let phases = BootPhase::ALL.into_iter().filter_map(|phase| {
        let spread = Measured::spread(boots, phase)?;
        Some((phase.word().to_owned(), json!(spread)))
    });
    let phases: Map<String, Value> = phases.collect();
    let facts = json!({
        "backend": first.backend,
        "accel": first.accel,
        "image": first.image,
        "image_name": first.image_name,
        "own_files": first.own_files,
        "cpus": first.cpus,
        "mem_size_mib": first.mem_size_mib,
        "boot_args": first.boot_args,
        "versions": first.versions,
        "phases": phases,
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::fleet;

    #[test]
    fn settings_are_the_options_of_create_and_nothing_else_is() {
        let (_dir, fleet) = fleet();
        let context = Context {
            fleet,
            backend: None,
            json: false,
        };
        let read = |settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
            draft(&context, &settings)
        };
        let draft = read(&[
            "memory=512",
            "boot-args=quiet console=ttyS0",
            "backend=qemu",
        ])
        .unwrap();
        assert_eq!(draft.mem_size_mib, Some(512));
        assert_eq!(draft.boot_args.as_deref(), Some("quiet console=ttyS0"));
        assert_eq!(draft.backend.as_deref(), Some("qemu"));
        for wrong in ["warp=9", "memory", "memory=much", "start=", "name"] {
            assert_eq!(
                read(&[wrong]).unwrap_err().code,
                Code::UsageError,
                "{wrong}"
            );
        }
    }

    #[test]
    fn progress_parts_the_warm_up_from_what_counts() {
        let plan = BenchPlan {
            draft: Draft::default(),
            against: None,
            boots: 3,
            warm_up: 1,
            deadline: Duration::ZERO,
        };
        let line = |round, against| {
            let lap = Lap {
                against,
                round,
                ready_us: 812_345,
            };
            progress_line(&plan, lap)
        };
        assert_eq!(line(0, false), "warm-up 1 of 1: ready after 812.3 ms");
        assert_eq!(
            line(3, true),
            "boot 3 of 3, compared with: ready after 812.3 ms"
        );
    }
}

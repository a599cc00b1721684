//! `ls` and `info`.

use std::fmt::Write as _;

use serde_json::json;

use super::args::NameArgs;
use super::boots;
use super::context::Context;
use super::figures;
use super::output::{self, Outcome, Reply, or_dash};
use super::runtime::block_on;
use crate::fleet::{self, VmRow};
use crate::vm::Vm;

pub(super) fn ls(context: &Context) -> Outcome {
    let mut vms = context.fleet.store.list()?;
    // Only now a runtime is worth its price: there is somebody to talk to.
    if vms.iter().any(Vm::wants_care) {
        vms = block_on(context.fleet.list())?;
    }
    let rows: Vec<VmRow> = vms.iter().map(fleet::row).collect();
    Reply::new(table(&rows), json!({ "vms": rows }))
}

fn table(rows: &[VmRow]) -> String {
    if rows.is_empty() {
        return "no VMs yet: make one with `smolvm-tui create`\n".to_owned();
    }
    let head = [
        "NAME", "PHASE", "BACKEND", "PID", "CPUS", "CPU%", "MEMORY", "UPTIME", "BOOT", "NOTE",
    ];
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    output::table(&head, &cells)
}

fn cells(row: &VmRow) -> Vec<String> {
    let backend = match (row.backend, row.accel) {
        (Some(backend), Some(accel)) if accel.is_emulated() => {
            format!("{backend}/{accel} emulated")
        }
        (Some(backend), Some(accel)) if row.accel_doubted => format!("{backend}/{accel} doubtful"),
        (Some(backend), Some(accel)) => format!("{backend}/{accel}"),
        (backend, _) => or_dash(backend),
    };
    let phase = match row.phase {
        Some(phase) if row.ready => format!("{phase}, ready"),
        Some(phase) if row.silence.is_some() => format!("{phase}, silent"),
        phase => or_dash(phase),
    };
    let note = row
        .error
        .clone()
        .or_else(|| row.exit.as_ref().map(crate::vm::Exit::summary))
        .or_else(|| row.silence.map(|silence| silence.words()));
    vec![
        row.name.clone(),
        phase,
        backend,
        or_dash(row.pid),
        or_dash(row.cpus),
        or_dash(row.cpu_percent.map(|percent| format!("{percent:.1}"))),
        memory(row),
        or_dash(row.uptime_ms.map(duration)),
        or_dash(row.last_boot_ms.map(|ms| format!("{ms} ms"))),
        output::inert(&note.unwrap_or_default()),
    ]
}

/// Memory used of allotted.
fn memory(row: &VmRow) -> String {
    let used = row
        .guest_memory_bytes
        .or(row.rss_bytes)
        .map(|bytes| bytes >> 20);
    match (used, row.mem_size_mib) {
        (Some(used), Some(size)) => format!("{used}/{size} MiB"),
        (_, size) => or_dash(size.map(|size| format!("{size} MiB"))),
    }
}

/// A span of time in its two largest units.
fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

pub(super) fn info(context: &Context, args: &NameArgs) -> Outcome {
    let mut vm = context.fleet.store.find(&args.name)?;
    if vm.wants_care() {
        block_on(context.fleet.list())?;
        vm = context.fleet.store.find(&args.name)?;
    }
    let mut details = fleet::details(&context.fleet, &vm)?;
    if vm.phase.is_live() {
        // All else is worth telling without them.
        details.metrics = block_on(context.fleet.figures(&args.name)).ok();
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name:<12}{}", output::inert(&value));
        }
    };
    let row = &details.row;
    let shown = cells(row);
    line("name", row.name.clone());
    line("phase", shown[1].clone());
    line(
        "",
        row.silence
            .map(|silence| silence.words())
            .unwrap_or_default(),
    );
    line("error", row.error.clone().unwrap_or_default());
    line("recovery", details.recovery.clone().unwrap_or_default());
    line(
        "exit",
        row.exit
            .as_ref()
            .map(crate::vm::Exit::summary)
            .unwrap_or_default(),
    );
    line("backend", shown[2].clone());
    line("chosen", details.backend_reason.clone().unwrap_or_default());
    line("why", details.accel_reason.clone().unwrap_or_default());
    line("pid", shown[3].clone());
    line("cpus", shown[4].clone());
    line(
        "cpu",
        row.cpu_percent
            .map(|percent| format!("{percent:.1} %"))
            .unwrap_or_default(),
    );
    line("memory", shown[6].clone());
    line("uptime", shown[7].clone());
    if let Some(spec) = &details.spec {
        let image = spec.image.as_ref();
        line(
            "image",
            image
                .map(|image| format!("{}@{}", image.name, image.digest))
                .unwrap_or_default(),
        );
        for (name, path) in [
            ("kernel", &spec.kernel),
            ("initrd", &spec.initrd),
            ("rootfs", &spec.rootfs),
        ] {
            line(
                name,
                path.as_ref()
                    .map(|path| path.display().to_string())
                    .unwrap_or_default(),
            );
        }
        line("boot args", spec.boot_args.clone().unwrap_or_default());
        line("disk", spec.disk_mode.to_string());
        line("network", spec.network.to_string());
        line("", details.network.clone().unwrap_or_default());
        let ports: Vec<String> = spec.publish.iter().map(ToString::to_string).collect();
        line("publish", ports.join(" "));
        line("created", spec.created_at.to_string());
    }
    line("directory", details.paths.dir.display().to_string());
    line("command", command_line(&details.argv));
    for (index, call) in details.api_calls.iter().enumerate() {
        let name = if index == 0 { "calls" } else { "" };
        line(name, format!("{call} {}", call.body));
    }
    for (name, counted) in details.metrics.iter().flat_map(figures::lines) {
        line(&name, counted);
    }
    if !details.boots.is_empty() {
        text.push('\n');
        text.push_str(&boots::table(&details.boots));
    }
    Reply::new(text, &details)
}

/// A command line that a shell would understand.
fn command_line(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            return word.clone();
        }
        format!("'{}'", word.replace('\'', r"'\''"))
    };
    argv.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "ls_tests.rs"]
mod tests;

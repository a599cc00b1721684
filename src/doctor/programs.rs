//! The programs that backends need: there, new enough, permitted.

use super::exam::{Exam, Outcome, Package, fail, pass, skip, warn};
use crate::vm::BackendKind;

/// What sets this host up for Firecracker.
const SETUP: &str = "./scripts/system-setup.sh --configure-runtime";

/// What QEMU is needed for at least: the oldest release that has all that we say on its command line.
const OLDEST_QEMU: u32 = 6;

/// Firecracker's program.
pub(super) fn firecracker(exam: &Exam<'_>) -> Outcome {
    match exam.host.program("firecracker") {
        Ok(path) => pass(path.display()),
        Err(why) if exam.needs(BackendKind::Firecracker) => fail(why, SETUP),
        Err(why) => skip(format!("{why}; QEMU does without")),
    }
}

/// Firecracker's version: `Firecracker v1.14.1`, then more lines.
pub(super) fn firecracker_version(exam: &Exam<'_>) -> Outcome {
    let Ok(path) = exam.host.program("firecracker") else {
        return skip("there is no Firecracker to ask");
    };
    let needed = exam.needs(BackendKind::Firecracker);
    match exam.host.run(&path, &["--version"]) {
        Ok(answer) => match version(&answer) {
            Some(version) => pass(version),
            None if needed => warn("its answer names no version", SETUP),
            None => skip("its answer names no version; QEMU does without"),
        },
        Err(why) if needed => fail(why, SETUP),
        Err(why) => skip(format!("{why}; QEMU does without")),
    }
}

/// `ip`, for TAP devices.
pub(super) fn ip(exam: &Exam<'_>) -> Outcome {
    network_tool(exam, "ip", Package::Iproute)
}

/// `nft`, for address translation.
pub(super) fn nft(exam: &Exam<'_>) -> Outcome {
    network_tool(exam, "nft", Package::Nftables)
}

fn network_tool(exam: &Exam<'_>, name: &str, package: Package) -> Outcome {
    match exam.host.program(name) {
        Ok(path) => pass(path.display()),
        Err(_) if exam.needs(BackendKind::Firecracker) => fail("Not found", exam.install(package)),
        Err(_) => skip("not found; QEMU's user-mode network does without"),
    }
}

/// Whether `sudo` answers without asking. Nothing needs it but Firecracker's network and set-up.
pub(super) fn sudo(exam: &Exam<'_>) -> Outcome {
    let needed = exam.needs(BackendKind::Firecracker);
    let answer = exam
        .host
        .program("sudo")
        .and_then(|sudo| exam.host.run(&sudo, &["-n", "true"]));
    match answer {
        Ok(_) => pass("configured"),
        Err(_) if exam.host.user() == 0 => pass("not needed by root"),
        Err(why) if needed => warn(why, SETUP),
        Err(why) => skip(format!("{why}; QEMU does without")),
    }
}

/// Whether the network for Firecracker can be set up: the tools, run as root or by `sudo`.
pub(super) fn network_permissions(exam: &Exam<'_>) -> Outcome {
    if !exam.needs(BackendKind::Firecracker) {
        return skip("QEMU's user-mode network needs no privileges");
    }
    let questions: [(&str, &[&str]); 3] = [
        ("ip", &["link", "show"]),
        ("nft", &["list", "tables"]),
        ("sysctl", &["net.ipv4.ip_forward"]),
    ];
    let trouble = |&(name, arguments): &(&str, &[&str])| -> Option<String> {
        let Ok(program) = exam.host.program(name) else {
            return Some(format!("'{name}' command not found"));
        };
        if exam.host.user() == 0 {
            return None;
        }
        let program = program.to_string_lossy();
        let arguments = [&["-n", &program], arguments].concat();
        let answer = exam
            .host
            .program("sudo")
            .and_then(|sudo| exam.host.run(&sudo, &arguments));
        answer.err().map(|_| format!("sudo {name} missing"))
    };
    let missing: Vec<String> = questions.iter().filter_map(trouble).collect();
    if missing.is_empty() {
        return pass("network commands and sudo policy are available");
    }
    fail(missing.join("; "), SETUP)
}

/// QEMU's program for guests of this host's own architecture.
pub(super) fn qemu(exam: &Exam<'_>) -> Outcome {
    match exam.qemu() {
        Ok(path) => pass(format!("{} ({})", exam.qemu_name(), path.display())),
        Err(why) if exam.needs(BackendKind::Qemu) => fail(why, exam.install(Package::Qemu)),
        Err(why) => skip(format!("{why}; Firecracker does without")),
    }
}

/// QEMU's version: `QEMU emulator version 7.2.22 (Debian …)`, then a copyright.
pub(super) fn qemu_version(exam: &Exam<'_>) -> Outcome {
    let Ok(path) = exam.qemu() else {
        return skip("there is no QEMU to ask");
    };
    let answer = match exam.host.run(path, &["--version"]) {
        Ok(answer) => answer,
        Err(why) => {
            return warn(
                format!("could not probe QEMU version: {why}"),
                "run the program by hand",
            );
        }
    };
    let Some(version) = version(&answer) else {
        return warn(
            "could not parse QEMU version output",
            "run the program by hand",
        );
    };
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major < OLDEST_QEMU && exam.needs(BackendKind::Qemu) => fail(
            format!("{version} detected"),
            format!("Install QEMU {OLDEST_QEMU}.0 or newer"),
        ),
        _ => pass(version),
    }
}

/// `qemu-img`, which makes the layer that a VM writes to over its image's root file system.
pub(super) fn qemu_img(exam: &Exam<'_>) -> Outcome {
    let why = match exam.host.program("qemu-img") {
        Ok(path) => return pass(path.display()),
        Err(why) => why,
    };
    if !exam.needs(BackendKind::Qemu) {
        return skip(format!("{why}; Firecracker does without"));
    }
    let fix = exam.install(Package::QemuImg);
    if exam.host.runnable().qemu.is_err() {
        return fail(why, fix);
    }
    warn(
        format!("{why}; images with a root file system need it"),
        fix,
    )
}

/// The first word of the first line that is a version, such as `7.2.22` or `v1.14.1`, without the `v`.
fn version(answer: &str) -> Option<&str> {
    let words = answer.lines().next()?.split_whitespace();
    words
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'))
}

//! The programs of the backends: there, new enough, for this processor, built with what we use.

use super::exam::Exam;
use super::finding::Fix;
use super::hypervisor::by_hand;
use super::outcome::{Outcome, advice, fail, pass, run, skip, warn};
use crate::backends::firecracker::{ACPI, OLDEST, Version};
use crate::backends::packages::Package;
use crate::fault::set_up;
use crate::network::Pool;

/// What QEMU is needed for at least: the oldest release that has all that we say on its command line.
const OLDEST_QEMU: u32 = 6;

/// What sets this host up for Firecracker and TAP networks.
pub(super) fn set_up(exam: &Exam) -> Fix {
    match exam.host().set_up_script() {
        Some(script) => {
            let command = set_up::command(&script);
            let as_root = command.trim_start_matches("sudo ");
            let command = if exam.is_root() { as_root } else { &command };
            let pool = exam.case.network_pool;
            run(if pool == Pool::default() {
                command.to_owned()
            } else {
                format!("{command} --network-pool {pool}")
            })
        }
        None => advice(format!("run {}", set_up::elsewhere())),
    }
}

/// Firecracker's program.
pub(super) fn firecracker(exam: &Exam) -> Outcome {
    match exam.program("firecracker") {
        Ok(path) => pass(path.display()),
        Err(why) => fail(why, set_up(exam)),
    }
}

/// Firecracker's version: `Firecracker v1.14.1`, then more lines.
pub(super) fn firecracker_version(exam: &Exam) -> Outcome {
    let Ok(path) = exam.program("firecracker") else {
        return skip("there is no Firecracker to ask");
    };
    let answer = match exam.output(&path, &["--version"]) {
        Ok(answer) => answer,
        Err(why) => return fail(why, set_up(exam)),
    };
    match Version::parse(&answer) {
        Some(version) if version < OLDEST => fail(
            format!("{version}, but {OLDEST} is the oldest that can be used"),
            set_up(exam),
        ),
        Some(version) if version < ACPI && exam.arch() == "x86_64" => warn(
            format!(
                "{version} has no ACPI, which came with {ACPI}: kernels of distributions, the image's \
                 own too, find neither disk nor network nor the agent's channel in it"
            ),
            set_up(exam),
        ),
        Some(version) => pass(version),
        None => warn("its answer names no version", set_up(exam)),
    }
}

/// Whether the program was made for this processor: the ELF header says (`elf(5)`, `e_machine`).
pub(super) fn firecracker_arch(exam: &Exam) -> Outcome {
    let Ok(path) = exam.program("firecracker") else {
        return skip("there is no Firecracker to look at");
    };
    exam.note(format!("read the header of {}", path.display()));
    let head = exam.host().head(&path).unwrap_or_default();
    let machine = match (head.get(..4), head.get(18..20)) {
        (Some(b"\x7fELF"), Some([0x3e, 0])) => "x86_64",
        (Some(b"\x7fELF"), Some([0xb7, 0])) => "aarch64",
        (Some(b"\x7fELF"), _) => "another processor",
        _ => return pass("no ELF program, so it names no processor"),
    };
    if machine == exam.arch() {
        return pass(machine);
    }
    let detail = format!("made for {machine}, but this host is {}", exam.arch());
    fail(detail, set_up(exam))
}

/// `ssh`, which SmolVM looks for. Nothing here uses it.
pub(super) fn ssh(exam: &Exam) -> Outcome {
    match exam.program("ssh") {
        Ok(path) => pass(path.display()),
        Err(_) => pass("not found, and not needed: nothing here uses it"),
    }
}

/// QEMU's program for guests of this host's own architecture.
pub(super) fn qemu(exam: &Exam) -> Outcome {
    match exam.qemu() {
        Ok(path) => pass(format!("{} ({})", exam.qemu_name(), path.display())),
        Err(why) => fail(why, exam.install_qemu()),
    }
}

/// QEMU's version: `QEMU emulator version 7.2.22 (Debian …)`, then a copyright.
pub(super) fn qemu_version(exam: &Exam) -> Outcome {
    let Ok(path) = exam.qemu() else {
        return skip("there is no QEMU to ask");
    };
    let answer = match exam.output(path, &["--version"]) {
        Ok(answer) => answer,
        Err(why) => return warn(format!("could not probe QEMU version: {why}"), by_hand()),
    };
    match version(&answer) {
        None => warn("could not parse QEMU version output", by_hand()),
        Some(version) if major(version).is_some_and(|major| major < OLDEST_QEMU) => fail(
            format!("{version} detected"),
            advice(format!("Install QEMU {OLDEST_QEMU}.0 or newer")),
        ),
        Some(version) => pass(version),
    }
}

/// Whether this QEMU can shut itself in: without that our command line is refused.
pub(super) fn qemu_sandbox(exam: &Exam) -> Outcome {
    if exam.qemu().is_err() {
        return skip("there is no QEMU to ask");
    }
    match exam.sandbox() {
        Ok(()) => pass("it filters its own system calls"),
        Err(why) if exam.accelerators().is_err() => warn(format!("not known: {why}"), by_hand()),
        Err(why) => fail(
            format!("this QEMU cannot filter its own system calls: {why}"),
            advice("use a QEMU that was built with seccomp"),
        ),
    }
}

/// `qemu-img`, which makes the layer that a VM writes to over its image's root file system.
pub(super) fn qemu_img(exam: &Exam) -> Outcome {
    let why = match exam.program("qemu-img") {
        Ok(path) => return pass(path.display()),
        Err(why) => why,
    };
    let fix = exam.install(&[Package::QemuImg]);
    if exam.runnable().qemu.is_err() {
        return fail(why, fix);
    }
    let detail = format!("{why}; images with a root file system need it");
    warn(detail, fix)
}

/// The first word of the first line that is a version, such as `7.2.22` or `v1.14.1`, without the `v`.
fn version(answer: &str) -> Option<&str> {
    let words = answer.lines().next()?.split_whitespace();
    words
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'))
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

//! The processor and the kernel under a hypervisor: flags, nesting, system call filters, clock.

use std::path::Path;

use super::exam::Exam;
use super::finding::Status;
use super::outcome::{Outcome, advice, fail, pass, skip, warn};
use crate::vm::BackendKind;

const CPUINFO: &str = "/proc/cpuinfo";
const MODULES: &str = "/sys/module";
const SECCOMP: &str = "/proc/sys/kernel/seccomp/actions_avail";
const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// What x86-64 kernels and programs of today may use without asking.
const USUAL: [&str; 5] = ["cx16", "popcnt", "ssse3", "sse4_1", "sse4_2"];

/// The flags of the first processor; empty where the kernel does not tell.
fn flags(exam: &Exam) -> Vec<String> {
    let text = exam.read(CPUINFO).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("flags")?.split_once(':'));
    let flags = line.map(|(_, flags)| flags).unwrap_or_default();
    flags.split_whitespace().map(str::to_owned).collect()
}

/// `vmx` or `svm`, whichever the processor has.
pub(super) fn virtualization(exam: &Exam) -> Option<&'static str> {
    let flags = flags(exam);
    ["vmx", "svm"]
        .into_iter()
        .find(|flag| flags.iter().any(|known| known == flag))
}

/// What the processor must have for a hypervisor, and what guests take for granted.
pub(super) fn cpu_flags(exam: &Exam) -> Outcome {
    if exam.arch() != "x86_64" {
        return skip("processors other than x86_64 do not tell by flags");
    }
    let flags = flags(exam);
    if flags.is_empty() {
        return skip(format!("{CPUINFO} names no flags"));
    }
    let has = |flag: &&str| flags.iter().any(|known| known == flag);
    let missing: Vec<&str> = USUAL.into_iter().filter(|flag| !has(flag)).collect();
    let native = ["vmx", "svm"].into_iter().find(has);
    let Some(native) = native else {
        return warn(
            "neither vmx nor svm: no virtualization in hardware",
            advice("switch it on in the firmware, or use a host that has it"),
        );
    };
    if missing.is_empty() {
        return pass(format!("{native}, {}", USUAL.join(", ")));
    }
    warn(
        format!("{native}, but without {}", missing.join(", ")),
        advice("where this host is a VM, give it the processor model `host`"),
    )
}

/// Whether this host is a VM itself, and whether it may have VMs of its own then.
pub(super) fn nesting(exam: &Exam) -> Outcome {
    let modules = exam.list(Path::new(MODULES));
    let loaded: Vec<&str> = modules
        .iter()
        .map(String::as_str)
        .filter(|module| module.strip_prefix("kvm_").is_some())
        .collect();
    if loaded.contains(&"kvm_pvm") {
        return warn(
            "the kernel's KVM is kvm_pvm, which interprets the kernels of ordinary guests",
            advice("use a host with virtualization in hardware"),
        );
    }
    if exam.arch() != "x86_64" {
        return skip("processors other than x86_64 do not tell whether they are a VM's");
    }
    let driver = loaded.first().copied().unwrap_or("no module of KVM");
    let flags = flags(exam);
    if !flags.iter().any(|flag| flag == "hypervisor") {
        return pass(format!("this host is no VM; {driver}"));
    }
    if virtualization(exam).is_none() {
        return warn(
            "this host is a VM, and its hypervisor gives it no nested virtualization",
            advice("switch on nested virtualization for this VM where it is hosted"),
        );
    }
    pass(format!(
        "this host is a VM with nested virtualization; {driver}"
    ))
}

/// The filters of system calls that both VMMs put on themselves.
pub(super) fn seccomp(exam: &Exam) -> Outcome {
    let needed = ["kill_process", "trap", "errno"];
    let fix = || advice("use a kernel with CONFIG_SECCOMP_FILTER");
    let outcome = match exam.value(SECCOMP) {
        Ok(known) => {
            let has = |word: &&&str| known.split_whitespace().any(|known| known == **word);
            let missing: Vec<&str> = needed.iter().filter(|word| !has(word)).copied().collect();
            if missing.is_empty() {
                return pass("the kernel filters system calls");
            }
            fail(format!("the kernel lacks {}", missing.join(", ")), fix())
        }
        Err(error) => fail(format!("no filters of system calls: {error}"), fix()),
    };
    outcome.but(BackendKind::Qemu, Status::Warn)
}

/// What the kernel reads the time from: a slow source makes every exit of a guest slow.
pub(super) fn clock_source(exam: &Exam) -> Outcome {
    let Ok(source) = exam.value(CLOCK) else {
        return skip("the kernel does not tell");
    };
    if !matches!(source.as_str(), "hpet" | "acpi_pm" | "jiffies" | "pit") {
        return pass(source);
    }
    warn(
        format!("{source}, which is slow to read"),
        advice(
            "see `sudo dmesg` for why the kernel gave up on tsc; `tsc=reliable` on its command line forces it",
        ),
    )
}

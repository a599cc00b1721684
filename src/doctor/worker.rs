//! Hints for a host that runs strangers' guests. They count only where `--profile worker` says that
//! this is one: on a laptop none of them is a fault.

use std::path::Path;

use super::exam::Exam;
use super::finding::Fix;
use super::outcome::{Outcome, advice, pass, warn};

const KSM: &str = "/sys/kernel/mm/ksm/run";
const THP: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const NX_HUGE_PAGES: &str = "/sys/module/kvm/parameters/nx_huge_pages";
const ITLB: &str = "/sys/devices/system/cpu/vulnerabilities/itlb_multihit";
const KVM: &str = "/dev/kvm";

fn hint(exam: &Exam, detail: impl std::fmt::Display, fix: Fix) -> Outcome {
    if exam.case.is_worker {
        return warn(detail, fix);
    }
    pass(format!("{detail}; counts with --profile worker only"))
}

/// Memory of guests must not reach a disk.
pub(super) fn swap(exam: &Exam) -> Outcome {
    let memory = exam.read("/proc/meminfo").unwrap_or_default();
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("SwapTotal:"))
        .map_or("0 kB", str::trim);
    if !total.starts_with("0 ") {
        return hint(
            exam,
            format!("Active ({total})"),
            exam.as_root("swapoff -a"),
        );
    }
    let table = exam.read("/etc/fstab").unwrap_or_default();
    let is_swap = |line: &&str| {
        !line.trim_start().starts_with('#') && line.split_whitespace().nth(2) == Some("swap")
    };
    match table.lines().find(is_swap) {
        Some(_) => hint(
            exam,
            "Inactive, but /etc/fstab brings it back",
            exam.as_root(r"sed -i.bak -E '/^[^#]\S*\s+\S+\s+swap\s/s/^/#/' /etc/fstab"),
        ),
        None => pass("Inactive and absent from /etc/fstab"),
    }
}

/// Pages that guests share tell them of each other.
pub(super) fn ksm(exam: &Exam) -> Outcome {
    match exam.value(KSM) {
        Err(_) => pass("Not compiled in kernel"),
        Ok(value) if value == "0" => pass("Disabled"),
        Ok(value) => hint(exam, format!("Active (run={value})"), write(exam, "2", KSM)),
    }
}

/// Huge pages hide how much memory guests really use.
pub(super) fn thp(exam: &Exam) -> Outcome {
    let Ok(value) = exam.value(THP) else {
        return pass("Not compiled in kernel");
    };
    let chosen = value
        .split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    match chosen {
        Some("never") => pass("Disabled"),
        other => hint(
            exam,
            format!("Active ('{}')", other.unwrap_or(&value)),
            write(exam, "never", THP),
        ),
    }
}

/// Without this workaround a guest can halt the processors that have the fault (iTLB multihit).
pub(super) fn nx_huge_pages(exam: &Exam) -> Outcome {
    let value = exam.value(NX_HUGE_PAGES);
    let processor = exam.value(ITLB).unwrap_or_default();
    if processor == "Not affected" {
        return pass("not needed: this processor is not affected");
    }
    match value.as_deref() {
        Ok("Y" | "1") => pass("Mitigated ('Y')"),
        Ok(value) => hint(
            exam,
            format!("off ('{value}') on a processor that may be affected"),
            write(exam, "force", NX_HUGE_PAGES),
        ),
        Err(_) => hint(
            exam,
            "not known: the module kvm is not loaded",
            advice("load it, see the check of KVM"),
        ),
    }
}

/// Nobody but root and the group may make VMs.
pub(super) fn kvm_permissions(exam: &Exam) -> Outcome {
    let Ok(entry) = exam.entry(Path::new(KVM)) else {
        return pass(format!("there is no {KVM}; see the check of KVM"));
    };
    let group = exam.host().group_name(entry.group);
    let group = group.unwrap_or_else(|| entry.group.to_string());
    if entry.mode == 0o660 && group == "kvm" {
        return pass("mode=0o660 and group=kvm");
    }
    let lend = super::hypervisor::lend_to_group(exam);
    let [chmod, chgrp] = ["chmod 660 /dev/kvm", &lend].map(|command| exam.with_sudo(command));
    hint(
        exam,
        format!(
            "Incorrect permissions: mode={:#o} and group={group}",
            entry.mode
        ),
        super::outcome::run(format!("{chmod} && {chgrp}")),
    )
}

/// The command that writes a word to a file of the kernel.
fn write(exam: &Exam, word: &str, path: &str) -> Fix {
    exam.as_root(&format!("sh -c 'echo {word} > {path}'"))
}

//! The list of checks, in the order in which they are shown.

use super::exam::{Exam, Outcome};
use super::{hypervisor, places, programs};

/// The check that says what will execute a guest's instructions.
pub(super) const ACCELERATOR: &str = "accelerator";

/// One check.
pub(super) struct Check {
    /// Its stable name, as SmolVM's doctor has it where it has it.
    pub(super) name: &'static str,
    /// Its name for people.
    title: &'static str,
    /// Whether it is about Linux only.
    is_linux: bool,
    /// Carries it out.
    pub(super) run: fn(&Exam<'_>) -> Outcome,
}

const fn check(name: &'static str, title: &'static str, run: fn(&Exam<'_>) -> Outcome) -> Check {
    Check {
        name,
        title,
        is_linux: false,
        run,
    }
}

const fn linux(name: &'static str, title: &'static str, run: fn(&Exam<'_>) -> Outcome) -> Check {
    Check {
        is_linux: true,
        ..check(name, title, run)
    }
}

static CHECKS: [Check; 18] = [
    check("platform", "Platform", hypervisor::platform),
    check("backend", "Backend", hypervisor::backend),
    linux("kvm", "KVM support", hypervisor::kvm),
    linux("firecracker", "Firecracker binary", programs::firecracker),
    linux("command:ip", "Network tool ip", programs::ip),
    linux("command:nft", "Network tool nft", programs::nft),
    linux("sudo", "Sudo access", programs::sudo),
    linux(
        "firecracker-version",
        "Firecracker version",
        programs::firecracker_version,
    ),
    linux(
        "network-permissions",
        "Network permissions",
        programs::network_permissions,
    ),
    check("qemu", "QEMU", programs::qemu),
    check("qemu-version", "QEMU version", programs::qemu_version),
    check("qemu-accel", "QEMU's accelerators", hypervisor::qemu_accel),
    check(ACCELERATOR, "Accelerator", hypervisor::accelerator),
    check("command:qemu-img", "Disk tool qemu-img", programs::qemu_img),
    check("run-directory", "Run directory", places::run_directory),
    check("disk-space", "Disk space", places::disk_space),
    check("memory", "Memory", places::memory),
    check("images", "Guest images", places::images),
];

/// The checks for a system, named as `uname -s` does.
pub(super) fn for_system(system: &str) -> Vec<&'static Check> {
    CHECKS
        .iter()
        .filter(|check| !check.is_linux || system == "Linux")
        .collect()
}

/// The name of a check for people; one that we do not know is called as it is.
pub fn title(name: &str) -> &str {
    CHECKS
        .iter()
        .find(|check| check.name == name)
        .map_or(name, |check| check.title)
}

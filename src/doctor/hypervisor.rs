//! What runs guests here: platform, backend, KVM, accelerator.

use super::exam::{Exam, Outcome, Package, fail, pass, skip, warn};
use crate::backends::kvm::Verdict;
use crate::vm::BackendKind;

/// Systems and architectures that guests can be made for.
pub(super) fn platform(exam: &Exam<'_>) -> Outcome {
    let kernel = exam.kernel();
    let detail = format!("{} {} on {}", kernel.system, kernel.release, kernel.arch);
    let is_known = matches!(kernel.system.as_str(), "Linux" | "Darwin")
        && matches!(kernel.arch.as_str(), "x86_64" | "aarch64" | "arm64");
    if is_known {
        return pass(detail);
    }
    fail(detail, "use Linux or macOS on x86_64 or aarch64")
}

/// The choice of backend, held against what can run.
pub(super) fn backend(exam: &Exam<'_>) -> Outcome {
    let chosen = exam.backend.backend;
    let runnable = exam.host.runnable();
    let (this, other, other_kind) = match chosen {
        BackendKind::Firecracker => (runnable.firecracker, runnable.qemu, BackendKind::Qemu),
        BackendKind::Qemu => (
            runnable.qemu,
            runnable.firecracker,
            BackendKind::Firecracker,
        ),
    };
    match (this, other) {
        (Ok(()), _) => pass(format!("{chosen}: {}", exam.backend.reason)),
        (Err(why), Ok(())) => fail(
            format!("{chosen} cannot run here: {why}"),
            format!("use `--backend {other_kind}`, or see the checks of {chosen}"),
        ),
        (Err(why), Err(_)) => fail(
            format!("{chosen} cannot run here: {why}"),
            format!("see the checks of {chosen}"),
        ),
    }
}

/// KVM: present, permitted, and really executing. Firecracker cannot do without, QEMU can.
pub(super) fn kvm(exam: &Exam<'_>) -> Outcome {
    let Err((why, fix)) = kvm_trouble(exam.kvm()) else {
        return pass("/dev/kvm executes kernel code at native speed");
    };
    if exam.needs(BackendKind::Firecracker) {
        fail(why, fix)
    } else {
        warn(why, fix)
    }
}

/// Why KVM cannot be used, and the way out.
fn kvm_trouble(verdict: &Verdict) -> Result<(), (String, &'static str)> {
    let (why, fix) = match verdict {
        Verdict::Works => return Ok(()),
        Verdict::Absent => (
            "there is no /dev/kvm".to_owned(),
            "switch on virtualization in the firmware, or nested virtualization for this VM, then \
             `sudo modprobe kvm_intel` or `sudo modprobe kvm_amd`",
        ),
        Verdict::Denied {
            pending_group: false,
        } => (
            "/dev/kvm is there, but this user may not open it".to_owned(),
            "sudo usermod -aG kvm $USER, then log out and in again",
        ),
        Verdict::Denied {
            pending_group: true,
        } => (
            "this user is in the group of /dev/kvm, but this login is older than that".to_owned(),
            "log out and in again, or run `newgrp kvm`",
        ),
        Verdict::Occupied => (
            "another hypervisor holds the processor's virtualization".to_owned(),
            "end the other hypervisor's VMs (VirtualBox, VMware)",
        ),
        Verdict::Emulates { evidence } => (
            format!("KVM here emulates kernel code: {evidence}"),
            "use a host whose KVM executes in hardware; until then QEMU emulates",
        ),
        Verdict::Broken { evidence } => (
            format!("/dev/kvm opens, but does not work: {evidence}"),
            "look into `sudo dmesg` for lines of kvm; until then QEMU emulates",
        ),
    };
    Err((why, fix))
}

/// The accelerators that QEMU was built with.
pub(super) fn qemu_accel(exam: &Exam<'_>) -> Outcome {
    if exam.qemu().is_err() {
        return skip("there is no QEMU to ask");
    }
    match exam.accelerators() {
        Ok([]) => warn("QEMU names no accelerator", exam.install(Package::Qemu)),
        Ok(known) if exam.system() == "Darwin" && !known.iter().any(|accel| accel == "hvf") => {
            warn(
                format!(
                    "hvf accelerator not reported by qemu, only {}",
                    known.join(", ")
                ),
                exam.install(Package::Qemu),
            )
        }
        Ok(known) => pass(known.join(", ")),
        Err(why) => warn(why, "run the program by hand"),
    }
}

/// What will execute a guest's instructions.
pub(super) fn accelerator(exam: &Exam<'_>) -> Outcome {
    if exam.needs(BackendKind::Firecracker) {
        return match kvm_trouble(exam.kvm()) {
            Ok(()) => pass("kvm"),
            Err(_) => skip("Firecracker has none but KVM"),
        };
    }
    if exam.qemu().is_err() {
        return skip("there is no QEMU to use it");
    }
    let known = match exam.accelerators() {
        Ok(known) => known,
        Err(why) => return warn(format!("not known: {why}"), "run the program by hand"),
    };
    let has = |accel: &str| known.iter().any(|known| known == accel);
    let (native, trouble) = if exam.system() == "Darwin" {
        let trouble = exam
            .host
            .hvf()
            .map_err(|why| (why, "use a Mac that supports it"));
        ("hvf", trouble)
    } else {
        ("kvm", kvm_trouble(exam.kvm()))
    };
    let trouble = trouble.and_then(|()| {
        has(native).then_some(()).ok_or_else(|| {
            (
                format!("this QEMU was built without {native}"),
                "use a QEMU that has it",
            )
        })
    });
    match trouble {
        Ok(()) => pass(native),
        Err((why, fix)) if has("tcg") => warn(format!("tcg: guests are emulated, {why}"), fix),
        Err((why, fix)) => fail(
            format!("QEMU can neither use {native} nor emulate: {why}"),
            fix,
        ),
    }
}

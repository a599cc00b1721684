//! What runs guests here: platform, backend, KVM, accelerator.

use std::path::Path;

use super::cpu;
use super::exam::Exam;
use super::finding::{Fix, Status};
use super::outcome::{Outcome, advice, fail, pass, skip, warn};
use crate::backends::kvm::Verdict;
use crate::vm::BackendKind;

/// Systems and architectures that guests can be made for.
pub(super) fn platform(exam: &Exam) -> Outcome {
    exam.note("ran uname".to_owned());
    let kernel = &exam.case.kernel;
    let detail = format!("{} {} on {}", kernel.system, kernel.release, kernel.arch);
    let is_known = matches!(kernel.system.as_str(), "Linux" | "Darwin")
        && matches!(kernel.arch.as_str(), "x86_64" | "aarch64" | "arm64");
    if is_known {
        return pass(detail);
    }
    fail(detail, advice("use Linux or macOS on x86_64 or aarch64"))
}

/// The choice of backend, and whatever else is judged, held against what can run.
pub(super) fn backend(exam: &Exam) -> Outcome {
    let chosen = exam.case.backend.backend;
    let other = match chosen {
        BackendKind::Firecracker => BackendKind::Qemu,
        BackendKind::Qemu => BackendKind::Firecracker,
    };
    let runnable = exam.runnable();
    let is_judged = exam.case.judged.contains(&other);
    let cannot = |backend, why: &String| format!("{backend} cannot run here: {why}");
    let see = |backend| advice(format!("see the checks of {backend}"));
    match (runnable.of(chosen), runnable.of(other)) {
        (Err(why), Ok(())) => fail(
            cannot(chosen, why),
            advice(format!(
                "use `--backend {other}`, or see the checks of {chosen}"
            )),
        )
        .but(other, Status::Pass),
        (Ok(()), Err(why)) if is_judged => {
            fail(cannot(other, why), see(other)).but(chosen, Status::Pass)
        }
        (Ok(()), _) => pass(format!("{chosen}: {}", exam.case.backend.reason)),
        (Err(why), Err(_)) => fail(cannot(chosen, why), see(chosen)),
    }
}

/// KVM: present, permitted, and really executing. Firecracker cannot do without, QEMU can.
pub(super) fn kvm(exam: &Exam) -> Outcome {
    match kvm_trouble(exam) {
        Ok(()) if *exam.kvm() == Verdict::Unprobed => pass(
            "/dev/kvm makes VMs and vCPUs; not probed further, there is no test guest for this processor",
        ),
        Ok(()) => pass("/dev/kvm executes kernel code at native speed"),
        Err((why, fix)) => fail(why, fix).but(BackendKind::Qemu, Status::Warn),
    }
}

/// Why KVM cannot be used, and the way out.
fn kvm_trouble(exam: &Exam) -> Result<(), (String, Fix)> {
    Err(match exam.kvm() {
        Verdict::Works | Verdict::Unprobed => return Ok(()),
        Verdict::Absent => ("there is no /dev/kvm".to_owned(), absent(exam)),
        Verdict::Denied {
            pending_group: false,
        } => {
            let (why, fix) = denied(exam);
            (format!("/dev/kvm is there, but {why}"), fix)
        }
        Verdict::Denied {
            pending_group: true,
        } => (
            "this user is in the group of /dev/kvm, but this login is older than that".to_owned(),
            advice("log out and in again, or run `newgrp kvm` and go on in its shell"),
        ),
        Verdict::Occupied => (
            "another hypervisor holds the processor's virtualization".to_owned(),
            advice("end the other hypervisor's VMs (VirtualBox, VMware)"),
        ),
        Verdict::Emulates { evidence } => (
            format!("KVM here emulates kernel code: {evidence}"),
            advice("use a host whose KVM executes in hardware; until then QEMU emulates"),
        ),
        Verdict::Broken { evidence } => (
            format!("/dev/kvm opens, but does not work: {evidence}"),
            advice("look into `sudo dmesg` for lines of kvm; until then QEMU emulates"),
        ),
    })
}

/// The processor says which module there is to load, or that nothing here can load one.
fn absent(exam: &Exam) -> Fix {
    match cpu::virtualization(exam) {
        Some(flag) => {
            let module = if flag == "vmx" {
                "kvm_intel"
            } else {
                "kvm_amd"
            };
            exam.as_root(&format!("modprobe {module}"))
        }
        None => advice(
            "switch on virtualization in the firmware, or nested virtualization where this host is \
             a VM itself",
        ),
    }
}

/// Membership in its group helps only where the group may open it.
fn denied(exam: &Exam) -> (String, Fix) {
    let join = "usermod -aG kvm $USER";
    let then = |command: String| Fix::Run {
        command,
        then: Some("log out and in again".to_owned()),
    };
    match exam.entry(Path::new("/dev/kvm")) {
        Ok(entry) if entry.mode & 0o060 != 0o060 || entry.group == 0 => {
            let commands = [&lend_to_group(exam), "chmod 660 /dev/kvm", join];
            let [group, mode, join] = commands.map(|command| exam.with_sudo(command));
            (
                format!(
                    "it is closed to every group of users (mode {:04o})",
                    entry.mode
                ),
                then(format!("{group} && {mode} && {join}")),
            )
        }
        _ => (
            "this user may not open it".to_owned(),
            then(exam.with_sudo(join)),
        ),
    }
}

/// The command that gives the device to the group `kvm`, which is made where there is none, as on a
/// host on which nothing that uses KVM was ever installed.
pub(super) fn lend_to_group(exam: &Exam) -> String {
    let lend = "chgrp kvm /dev/kvm";
    let groups = exam.read("/etc/group");
    let is_missing = groups.is_ok_and(|text| !text.lines().any(|line| line.starts_with("kvm:")));
    if is_missing {
        format!("groupadd -r kvm && {}", exam.with_sudo(lend))
    } else {
        lend.to_owned()
    }
}

/// The accelerators that QEMU was built with.
pub(super) fn qemu_accel(exam: &Exam) -> Outcome {
    if exam.qemu().is_err() {
        return skip("there is no QEMU to ask");
    }
    match exam.accelerators() {
        Ok([]) => warn("QEMU names no accelerator", exam.install_qemu()),
        Ok(known) if exam.system() == "Darwin" && !known.iter().any(|accel| accel == "hvf") => {
            warn(
                format!(
                    "hvf accelerator not reported by qemu, only {}",
                    known.join(", ")
                ),
                exam.install_qemu(),
            )
        }
        Ok(known) => pass(known.join(", ")),
        Err(why) => warn(why, by_hand()),
    }
}

pub(super) fn by_hand() -> Fix {
    advice("run the program by hand to see what it says")
}

/// What will execute a guest's instructions.
pub(super) fn accelerator(exam: &Exam) -> Outcome {
    let (native, trouble) = if exam.system() == "Darwin" {
        exam.note("asked for Hypervisor.framework".to_owned());
        let no_hvf = |why| (why, advice("use a Mac that supports it"));
        ("hvf", exam.host().hvf().map_err(no_hvf))
    } else {
        ("kvm", kvm_trouble(exam))
    };
    if exam.qemu().is_err() {
        // Firecracker has none but KVM.
        return match trouble {
            Ok(()) => pass(native).but(BackendKind::Qemu, Status::Skip),
            Err(_) => skip("there is no QEMU to emulate, and nothing else does"),
        };
    }
    let known = match exam.accelerators() {
        Ok(known) => known,
        Err(why) => return warn(format!("not known: {why}"), by_hand()),
    };
    let has = |accel: &str| known.iter().any(|known| known == accel);
    let trouble = trouble.and_then(|()| {
        has(native).then_some(()).ok_or_else(|| {
            (
                format!("this QEMU was built without {native}"),
                advice("use a QEMU that has it"),
            )
        })
    });
    match trouble {
        Ok(()) => pass(native),
        Err((why, fix)) if has("tcg") => {
            let _ = exam.case.is_emulated.set(true);
            warn(format!("tcg: guests are emulated, {why}"), fix)
        }
        Err((why, fix)) => fail(
            format!("QEMU can neither use {native} nor emulate: {why}"),
            fix,
        ),
    }
}

//! QEMU's programs on this host.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::backends::BackendError;
use crate::backends::packages::{Package, install_command};
use crate::backends::programs::{find_program, is_program, named_by};
use crate::vm::{Arch, BackendKind};

/// The emulator for guests of `arch`: `QEMU_BIN` if it is set, else from `PATH`, else where Red Hat
/// keeps it out of `PATH`. Nothing is run.
pub fn program(arch: Arch) -> Result<PathBuf, BackendError> {
    let name = format!("qemu-system-{arch}");
    if let Some(named) = named_by("QEMU_BIN", BackendKind::Qemu, "the emulator") {
        return named;
    }
    find_program(&name)
        .or_else(|| {
            let hidden = PathBuf::from("/usr/libexec/qemu-kvm");
            (Arch::host() == Some(arch) && is_program(&hidden)).then_some(hidden)
        })
        .ok_or_else(|| missing(&name, Package::Qemu(arch)))
}

/// `qemu-img`, which makes the layers of isolated disks.
pub fn img_program() -> Result<PathBuf, BackendError> {
    find_program("qemu-img").ok_or_else(|| missing("qemu-img", Package::QemuImg))
}

/// Runs `program`, which is [`img_program`], with a command of it and the command's arguments.
pub fn run_img<'a>(
    program: PathBuf,
    command: &str,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<(), BackendError> {
    let ran = Command::new(&program)
        .arg(command)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .output();
    let output = ran.map_err(|source| BackendError::Spawn { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(BackendError::Refused {
        program: "qemu-img",
        command: command.to_owned(),
        reason: words
            .chars()
            .filter(|c| !c.is_control())
            .take(500)
            .collect(),
    })
}

fn missing(name: &str, package: Package) -> BackendError {
    BackendError::Unavailable {
        backend: BackendKind::Qemu,
        why: format!("`{name}` is not installed"),
        hint: install_command(&[package], |program| find_program(program).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_emulator_for_this_host_is_found_here() {
        let arch = Arch::host().unwrap();
        assert!(
            program(arch).unwrap().is_absolute(),
            "install QEMU to run the tests"
        );
    }
}

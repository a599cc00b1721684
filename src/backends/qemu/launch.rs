//! From a decision to a QEMU whose vCPUs are about to run.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::argv::{Facts, argv};
use super::disk::{self, Format};
use super::machine::QemuMachine;
use super::qmp::Connection;
use super::sockets::{self, io_error};
use crate::backends::process::{self, Guard, Process};
use crate::backends::{BackendError, Launch, Launched, Machine};
use crate::vm::process::BIRTH_RECORD;
use crate::vm::{Arch, BootPhase, DiskMode};

/// How long QEMU may take until it answers: 20 to 100 ms, much longer on a host that swaps.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a QEMU that hung up may take to end.
const DEATH: Duration = Duration::from_secs(2);

/// What the command line depends on besides the launch; looks at files, makes none.
pub(super) fn facts(launch: &Launch) -> Result<Facts, BackendError> {
    let disk = match (&launch.rootfs, launch.spec.disk_mode) {
        (None, _) => None,
        (Some(_), DiskMode::Isolated) => Some((launch.paths.disk.clone(), Format::Qcow2)),
        (Some(rootfs), DiskMode::Shared) => Some((rootfs.clone(), Format::of(rootfs)?)),
    };
    Ok(Facts {
        disk,
        qboot: qboot(&launch.program),
    })
}

/// `qboot.rom` where distributions put it: QEMU's data directory beside its program's.
fn qboot(program: &Path) -> Option<PathBuf> {
    let beside = fs::canonicalize(program)
        .ok()
        .and_then(|program| Some(program.parent()?.parent()?.join("share/qemu/qboot.rom")));
    let usual = ["/usr/share/qemu/qboot.rom", "/usr/share/qemu-kvm/qboot.rom"];
    beside
        .into_iter()
        .chain(usual.map(PathBuf::from))
        .find(|path| path.is_file())
}

pub(super) async fn launch(
    launch: &Launch,
    stamp: &mut dyn FnMut(BootPhase),
) -> Result<Launched<QemuMachine>, BackendError> {
    check_ports(launch)?;
    check_files(launch)?;
    if let (Some(rootfs), DiskMode::Isolated) = (&launch.rootfs, launch.spec.disk_mode)
        && !launch.paths.disk.exists()
    {
        disk::create_overlay(rootfs, &launch.paths.disk, launch.spec.disk_size_mib)?;
    }
    let argv = argv(launch, &facts(launch)?)?;
    let (sockets, listeners) = sockets::bind(&launch.run_dir, launch.has_agent)?;
    // QEMU makes it too, but with a mode of its own, and goes on behind what an earlier boot said.
    open_log(&launch.paths.gap_log)?;
    let log = open_log(&launch.paths.vmm_log)?;
    let copy = log
        .try_clone()
        .map_err(io_error("open", launch.paths.vmm_log.clone()))?;

    let birth = open_log(&launch.run_dir.join(BIRTH_RECORD)).ok();
    stamp(BootPhase::Spawned);
    let streams = [Stdio::null(), copy.into(), log.into()];
    let spawn_error = |source| BackendError::Spawn {
        program: launch.program.clone(),
        source,
    };
    let program = &launch.program;
    let child = process::spawn(program, &argv[1..], streams, &listeners, birth.as_ref())
        .map_err(spawn_error)?;
    let process = Process::of_child(&child);
    // From here on the child is killed and reaped if this future is dropped.
    let mut guard = Guard::new(child);
    let process = process.map_err(spawn_error)?;
    // If QEMU dies, its ends must be the last, so that ours see it.
    drop(listeners);

    let ready = async {
        let connection = Connection::open(sockets.qmp).await?;
        stamp(BootPhase::VmmReady);
        let machine = QemuMachine::new(connection.client.clone(), process.clone());
        let vcpu_threads = machine.vcpu_threads().await?;
        Ok((connection, machine, vcpu_threads))
    };
    let answered = tokio::select! {
        biased;
        _ = process.ended() => return Err(ended_early(launch, &mut guard)),
        answered = tokio::time::timeout(PATIENCE, ready) => answered,
    };
    let (connection, machine, vcpu_threads) = match answered {
        Ok(Ok(ready)) => ready,
        // It hung up: then it is about to die, unless it is no QEMU.
        Ok(Err(error)) => {
            return Err(match tokio::time::timeout(DEATH, process.ended()).await {
                Ok(_) => ended_early(launch, &mut guard),
                Err(_) => error,
            });
        }
        Err(_) => {
            return Err(BackendError::TimedOut {
                what: "QEMU's start".to_owned(),
                after: PATIENCE,
            });
        }
    };
    Ok(Launched {
        machine,
        process: process.id(),
        argv: argv
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        version: connection.version,
        vcpu_threads,
        serial: sockets.serial,
        agent: sockets.agent,
        exit: Box::pin(guard.keep(process)),
        events: connection.events,
    })
}

fn ended_early(launch: &Launch, guard: &mut Guard) -> BackendError {
    let program = launch
        .program
        .file_name()
        .map_or_else(|| "QEMU".into(), |name| name.to_string_lossy());
    BackendError::ExitedEarly {
        program: program.into_owned(),
        status: guard
            .reap()
            .map_or_else(|| "status unknown".to_owned(), process::words),
        words: process::last_words(&launch.paths.vmm_log),
    }
}

/// QEMU says so too, but only after a start, and without naming the port's use.
fn check_ports(launch: &Launch) -> Result<(), BackendError> {
    for forward in &launch.spec.publish {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, forward.host)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(BackendError::PortTaken {
                    port: forward.host,
                    by: None,
                });
            }
            Err(source) => {
                let address = format!("127.0.0.1:{}", forward.host);
                return Err(io_error("publish", address.into())(source));
            }
        }
    }
    Ok(())
}

/// Named here, a missing file is named with its use and path in every version of QEMU, and what is
/// no kernel is told before it is run as one.
fn check_files(launch: &Launch) -> Result<(), BackendError> {
    let unusable = |what, path: &Path, why: &str| BackendError::Value {
        what,
        value: path.to_owned(),
        why: why.to_owned(),
    };
    let files = [
        ("kernel", Some(&launch.kernel)),
        ("initrd", launch.initrd.as_ref()),
        ("root file system", launch.rootfs.as_ref()),
    ];
    for (what, path) in files {
        let Some(path) = path else { continue };
        let kind = fs::metadata(path)
            .map_err(io_error("open", path.clone()))?
            .file_type();
        // To open a FIFO would wait for its writer.
        if !kind.is_file() && !kind.is_block_device() {
            return Err(unusable(what, path, "it is no file"));
        }
        let mut file = File::open(path).map_err(io_error("open", path.clone()))?;
        if what == "kernel" {
            let mut head = [0; 1024];
            let length = fill(&mut file, &mut head).map_err(io_error("read", path.clone()))?;
            if let Err(why) = check_kernel(&head[..length], launch.spec.arch) {
                return Err(unusable(what, path, why));
            }
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

/// The kernels that QEMU boots, by the beginning of the file (Linux, `arch/x86/boot.rst` and
/// `arch/arm64/booting.rst`; the latter may be gzipped).
fn check_kernel(head: &[u8], arch: Arch) -> Result<(), &'static str> {
    let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
    match arch {
        Arch::X86_64 if has(0, b"\x7fELF") || has(0x202, b"HdrS") => Ok(()),
        Arch::X86_64 => Err("it is no kernel: neither an ELF nor a bzImage"),
        Arch::Aarch64 if has(56, b"ARM\x64") || has(0, b"\x1f\x8b") => Ok(()),
        Arch::Aarch64 => Err("it is no kernel: neither an `Image` nor one that is gzipped"),
    }
}

/// Opens a log for appending, empty and readable by its owner only.
fn open_log(path: &Path) -> Result<File, BackendError> {
    let open = || {
        let log = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // Emptied in place: whoever holds it open goes on to see the same file.
        log.set_len(0)?;
        Ok(log)
    };
    open().map_err(io_error("open", path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_known_by_its_beginning() {
        let at = |at: usize, magic: &[u8]| [vec![0; at], magic.to_vec(), vec![0; 9]].concat();
        let x86 = |head: &[u8]| check_kernel(head, Arch::X86_64).is_ok();
        let arm = |head: &[u8]| check_kernel(head, Arch::Aarch64).is_ok();
        assert!(x86(b"\x7fELF\x02") && x86(&at(0x202, b"HdrS")));
        assert!(!x86(b"") && !x86(b"#!/bin/sh") && !x86(&at(0x201, b"HdrS")));
        assert!(arm(&at(56, b"ARM\x64")) && arm(b"\x1f\x8b\x08"));
        // An ELF hangs silently on ARM.
        assert!(!arm(b"\x7fELF\x02") && !arm(b""));
    }
}

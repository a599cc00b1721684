//! From a decision to a QEMU whose vCPUs are about to run.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::argv::{Facts, argv};
use super::disk::{self, Format};
use super::machine::QemuMachine;
use super::qmp::Connection;
use super::sockets;
use crate::backends::files::{check_files, open_log};
use crate::backends::process::{self, Guard, Process};
use crate::backends::{BackendError, Launch, Launched, Machine};
use crate::fault::io_error;
use crate::vm::process::BIRTH_RECORD;
use crate::vm::{BootPhase, DiskMode};

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
        vhost_net: launch.tap.is_some() && opens("/dev/vhost-net"),
    })
}

/// Whether we, and so QEMU, may open a device for reading and writing.
fn opens(device: &str) -> bool {
    File::options().read(true).write(true).open(device).is_ok()
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
        let (base, target) = (rootfs.clone(), launch.paths.disk.clone());
        let size_mib = launch.spec.disk_size_mib;
        // qemu-img takes tens of milliseconds, in which the shim has clients to answer.
        let made = move || disk::create_overlay(&base, &target, size_mib);
        tokio::task::spawn_blocking(made)
            .await
            .map_err(|error| io_error("create", &launch.paths.disk)(error.into()))??;
    }
    let argv = argv(launch, &facts(launch)?)?;
    let (sockets, listeners) = sockets::bind(&launch.run_dir, launch.has_agent)?;
    // QEMU makes it too, but with a mode of its own, and goes on behind what an earlier boot said.
    open_log(&launch.paths.gap_log)?;
    let log = open_log(&launch.paths.vmm_log)?;
    let copy = log
        .try_clone()
        .map_err(io_error("open", &launch.paths.vmm_log))?;

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
        argv: process::shown(&argv),
        api_calls: Vec::new(),
        version: connection.version,
        vcpu_threads,
        serial: sockets.serial,
        agent: sockets.agent,
        exit: Box::pin(guard.keep(process)),
        events: connection.events,
    })
}

fn ended_early(launch: &Launch, guard: &mut Guard) -> BackendError {
    let words = process::last_words(&launch.paths.vmm_log);
    // `Failed to get "write" lock`, `Failed to get shared "write" lock` (QEMU, `block/file-posix.c`).
    if let Some(path) = &launch.rootfs
        && words.contains("\" lock")
    {
        return BackendError::DiskTaken { path: path.clone() };
    }
    let program = launch
        .program
        .file_name()
        .map_or_else(|| "QEMU".into(), |name| name.to_string_lossy());
    BackendError::ExitedEarly {
        program: program.into_owned(),
        status: guard
            .reap()
            .map_or_else(|| "status unknown".to_owned(), process::words),
        words,
    }
}

/// QEMU says so too, but only after a start, and without naming the port's use.
fn check_ports(launch: &Launch) -> Result<(), BackendError> {
    if launch.tap.is_some() {
        // The shim listens there already.
        return Ok(());
    }
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
                return Err(io_error("publish", address)(source).into());
            }
        }
    }
    Ok(())
}

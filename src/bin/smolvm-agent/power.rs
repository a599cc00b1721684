//! The end of the guest.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::log::warn;
use crate::modules::entries;

/// How long programs may take to end when they are asked to.
const GRACE: Duration = Duration::from_millis(1500);

/// How the guest ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Without coming back.
    PowerOff,
    /// And begins anew.
    Reboot,
}

/// Makes Ctrl-Alt-Del a signal to PID 1 (SIGINT, reboot(2)) in place of a restart without sync.
pub(crate) fn take_over_ctrl_alt_del() {
    if let Err(error) = set_cad_enabled(false) {
        warn(&format!("cannot take over Ctrl-Alt-Del: {error}"));
    }
}

/// Ends every process, writes every file system out, and ends the machine.
pub(crate) fn end(how: End, signals: BorrowedFd<'_>) -> Errno {
    // Shells end on the hang-up, most others on the request to terminate, stopped ones after both.
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCONT] {
        let _ = kill(Pid::from_raw(-1), signal);
    }
    wait_for_children(signals);
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    nix::unistd::sync();
    // A disk that is read-only now is clean at the next boot.
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let _ = mount(None::<&str>, "/mnt/root", None::<&str>, flags, None::<&str>);
    let mode = match how {
        End::PowerOff if can_power_off() => RebootMode::RB_POWER_OFF,
        End::PowerOff | End::Reboot => RebootMode::RB_AUTOBOOT,
    };
    match reboot(mode) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// Whether power-off is more than a halt here. On x86 it is the ACPI state S5 that switches a
/// machine off, and a machine that can names it in the code of its tables. Firecracker's names
/// none and the kernel would halt its processors and stay; a restart ends Firecracker. A QEMU
/// without ACPI is the same, and elsewhere the firmware (PSCI) can always do it.
fn can_power_off() -> bool {
    if !cfg!(target_arch = "x86_64") {
        return true;
    }
    entries("/sys/firmware/acpi/tables")
        .iter()
        .filter(|table| {
            let name = table.file_name().unwrap_or_default().to_string_lossy();
            name == "DSDT" || name.starts_with("SSDT")
        })
        .any(|table| fs::read(table).is_ok_and(|code| names_soft_off(&code)))
}

/// Whether the code of a table defines `\_S5_`, as `_S5_` or from the root (ACPI 6.5, 7.4.2 and
/// 20.2.2).
fn names_soft_off(code: &[u8]) -> bool {
    code.windows(4).any(|name| name == b"_S5_")
}

/// Reaps until no process is left or their time is over; `signals` wakes at each death.
fn wait_for_children(signals: BorrowedFd<'_>) {
    let asked = Instant::now();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            // Orphans come to PID 1, so when it has no child there is no other process.
            Err(Errno::ECHILD) => return,
            Ok(status) if status.pid().is_some() => continue,
            _ => {}
        }
        let left = GRACE.saturating_sub(asked.elapsed());
        let mut signals = [PollFd::new(signals, PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        if poll(&mut signals, timeout) == Ok(0) {
            return;
        }
        // A message of signalfd(2) is 128 bytes and has to be taken whole.
        let mut message = [0; 128];
        let _ = nix::unistd::read(signals[0].as_fd(), &mut message);
    }
}

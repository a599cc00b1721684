//! The end of the guest.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::cmdline::Cmdline;
use crate::log::warn;

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

impl End {
    /// What power-off has to be on this machine: Firecracker on x86 ends when the guest reboots
    /// and not when it powers off, so its host says `smolvm.poweroff=reboot`.
    pub(crate) fn power_off_on(cmdline: &Cmdline) -> Self {
        match cmdline.value("smolvm.poweroff") {
            Some("reboot") => Self::Reboot,
            _ => Self::PowerOff,
        }
    }
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
        End::PowerOff => RebootMode::RB_POWER_OFF,
        End::Reboot => RebootMode::RB_AUTOBOOT,
    };
    match reboot(mode) {
        Ok(never) => match never {},
        Err(error) => error,
    }
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

//! The parent's side of the probe: what the child told before it ended, and what that means.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Group, Uid, User, getgroups};

use super::Verdict;

pub(super) const DEVICE: &str = "/dev/kvm";

/// How long the child may take by the clock on the wall. It takes 50 ms where KVM interprets and
/// less where it works; processor time ends its loop long before, whatever else the host does.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The most that a child says, in bytes.
const LONGEST: u64 = 4096;

/// Begins every line that the child means for us.
pub(super) const MARK: &str = "kvm-probe ";

/// What the child does, in order. A step is told when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A VM with one vCPU in 64-bit kernel mode is made.
    Made,
    /// The first instructions ran.
    Entered,
    /// `pxor` ran.
    Pxor,
    /// `popcnt` ran.
    Popcnt,
    /// `lock cmpxchg16b` ran.
    Cmpxchg16b,
    /// The loop of a million turns came to its end.
    Looped,
}

impl Step {
    pub(super) const ALL: [Self; 6] = [
        Self::Made,
        Self::Entered,
        Self::Pxor,
        Self::Popcnt,
        Self::Cmpxchg16b,
        Self::Looped,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Entered => "entered",
            Self::Pxor => "pxor",
            Self::Popcnt => "popcnt",
            Self::Cmpxchg16b => "cmpxchg16b",
            Self::Looped => "looped",
        }
    }

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step > self)
    }
}

/// What is plain without running anything: no device, no permission. `None` when it opens.
pub(super) fn look() -> Option<Verdict> {
    let error = File::options().read(true).write(true).open(DEVICE).err()?;
    Some(match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        // ENXIO and ENODEV: the node is there, no driver is behind it.
        Errno::ENOENT | Errno::ENXIO | Errno::ENODEV => Verdict::Absent,
        Errno::EACCES | Errno::EPERM => Verdict::Denied {
            pending_group: std::fs::metadata(DEVICE)
                .is_ok_and(|device| is_pending(Gid::from_raw(device.gid()))),
        },
        Errno::EBUSY => Verdict::Occupied,
        _ => Verdict::Broken {
            evidence: format!("{DEVICE} does not open: {error}"),
        },
    })
}

/// Whether the group database names this user a member of `gid`, and this login does not know yet.
fn is_pending(gid: Gid) -> bool {
    let in_login = getgroups().is_ok_and(|groups| groups.contains(&gid));
    let member = || {
        let user = User::from_uid(Uid::current()).ok()??;
        let group = Group::from_gid(gid).ok()??;
        Some(group.mem.contains(&user.name))
    };
    !in_login && member().unwrap_or(false)
}

/// What a child told, and how it ended; `None`: it was stuck and was killed.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    words: String,
    status: Option<ExitStatus>,
}

/// Listens to the child until it ends or the deadline passes. It is reaped in either case.
pub(super) fn follow(mut child: Child, limit: Duration) -> Trace {
    let deadline = Instant::now() + limit;
    let mut words = Vec::new();
    let ended = child
        .stdout
        .take()
        .is_some_and(|pipe| listen(OwnedFd::from(pipe), deadline, &mut words).is_ok());
    if !ended {
        // It may have ended at this very moment; then there is nothing left to kill.
        let _ = child.kill();
    }
    let status = child.wait().ok().filter(|_| ended);
    Trace {
        words: String::from_utf8_lossy(&words).into_owned(),
        status,
    }
}

fn listen(pipe: OwnedFd, deadline: Instant, words: &mut Vec<u8>) -> io::Result<()> {
    let mut pipe = File::from(pipe).take(LONGEST);
    let mut chunk = [0; 512];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that a last fraction of a millisecond does not spin.
        let timeout =
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(pipe.get_ref().as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        match pipe.read(&mut chunk)? {
            0 => return Ok(()),
            count => words.extend_from_slice(&chunk[..count]),
        }
    }
}

impl Trace {
    /// What it means.
    pub(super) fn verdict(&self) -> Verdict {
        let lines = || {
            self.words
                .lines()
                .filter_map(|line| line.strip_prefix(MARK))
        };
        let last = Step::ALL
            .into_iter()
            .rfind(|step| lines().any(|line| line == step.word()));
        let failure = lines().find_map(|line| line.strip_prefix("failed "));
        let end = self.end();
        let broken = |evidence: String| Verdict::Broken { evidence };
        let emulates = |evidence: String| Verdict::Emulates { evidence };
        match (last, failure) {
            (Some(Step::Looped), _) => Verdict::Works,
            (_, Some("EBUSY")) => Verdict::Occupied,
            (_, Some("EACCES" | "EPERM")) => Verdict::Denied {
                pending_group: false,
            },
            (None, Some(failure)) => broken(format!("a VM could not be made: {failure}")),
            (None, None) => broken(format!("no VM was made: {end}")),
            (Some(Step::Made), failure) => broken(format!(
                "the first instruction does not run: {}",
                failure.unwrap_or(&end)
            )),
            (Some(Step::Cmpxchg16b), None) => emulates(format!(
                "a loop of a million turns takes more than 20 ms ({end})"
            )),
            (Some(step), failure) => {
                let refused = step.next().map_or("the next instruction", Step::word);
                emulates(format!(
                    "{refused} is refused ({})",
                    failure.unwrap_or(&end)
                ))
            }
        }
    }

    fn end(&self) -> String {
        match self.status {
            None => format!("stuck, killed after {} s", DEADLINE.as_secs()),
            Some(status) => match status.signal().map(Signal::try_from) {
                Some(Ok(Signal::SIGPROF)) => "its processor time ran out".to_owned(),
                _ => status.to_string(),
            },
        }
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;

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

use super::{Probe, Verdict};

pub(super) const DEVICE: &str = "/dev/kvm";

/// How long the child may take by the clock on the wall. It takes 50 ms where KVM interprets and
/// less where it works; processor time ends its loop long before, whatever else the host does.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The most that a child says, in bytes.
const LONGEST: u64 = 4096;

/// Begins every line that the child means for us.
pub(super) const MARK: &str = "kvm-probe ";
/// Begins the line that tells how long a lap of the loop took, in ns of processor time.
pub(super) const LAP: &str = "lap ";
/// What a child says that made a VM and has no guest to run in it.
pub(super) const UNPROBED: &str = "unprobed";

/// Turns of the loop in one lap, two instructions each.
pub(super) const TURNS: u32 = 2000;
/// What a lap may take where its code runs natively.
///
/// A turn takes less than 2 ns on any processor with virtualization, so a lap takes 4 µs at most, and
/// the exit at its end 1 to 2 µs, or 10 to 50 where this host is a VM itself. One host showed both
/// kinds, a KVM (`kvm_pvm`) that runs a guest's user mode and interprets its kernel mode: 26 to 29 µs,
/// and 49 when disturbed, against 2.26 to 2.38 ms. The bound is four times the slowest native lap, and
/// an eleventh of the fastest interpreted one.
const NATIVE_LAP: Duration = Duration::from_micros(200);

/// What the child does, in order. A step is told when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A VM with one vCPU is made; on x86-64 it is in 64-bit kernel mode.
    Made,
    /// The first instructions ran.
    Entered,
    /// A lap of the loop came to its end.
    Looped,
    /// `pxor` ran.
    Pxor,
    /// `popcnt` ran.
    Popcnt,
    /// `lock cmpxchg16b` ran.
    Cmpxchg16b,
}

impl Step {
    pub(super) const ALL: [Self; 6] = [
        Self::Made,
        Self::Entered,
        Self::Looped,
        Self::Pxor,
        Self::Popcnt,
        Self::Cmpxchg16b,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Entered => "entered",
            Self::Looped => "looped",
            Self::Pxor => "pxor",
            Self::Popcnt => "popcnt",
            Self::Cmpxchg16b => "cmpxchg16b",
        }
    }

    /// What the guest runs for it.
    fn what(self) -> &'static str {
        match self {
            Self::Made | Self::Entered => "the first instruction",
            Self::Looped => "a loop",
            Self::Pxor | Self::Popcnt | Self::Cmpxchg16b => self.word(),
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

/// What to hold of a KVM that makes vCPUs, where no guest can be run to try it: `/proc/cpuinfo` of
/// arm64 names the processor's implementer, and 0 is what Arm reserves for software (`MIDR_EL1`).
fn unprobed(cpuinfo: &str) -> Verdict {
    let mut lines = cpuinfo.lines();
    let implementer = lines.find_map(|line| line.strip_prefix("CPU implementer")?.split_once(':'));
    if implementer.is_some_and(|(_, id)| matches!(id.trim(), "0x0" | "0x00")) {
        return Verdict::Emulates {
            evidence: "this host's own processor is emulated, as /proc/cpuinfo tells".to_owned(),
        };
    }
    Verdict::Unprobed
}

/// A lap of the loop as a clause, with the bound it is held against.
pub(super) fn lap_words(lap: Duration) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "a loop of {TURNS} turns takes {:.3} ms, and natively less than {:.3}",
        ms(lap),
        ms(NATIVE_LAP)
    )
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
    fn lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.words.lines();
        lines.filter_map(|line| line.strip_prefix(MARK))
    }

    /// The fastest lap, if one came to its end.
    fn lap(&self) -> Option<Duration> {
        let laps = self.lines().filter_map(|line| line.strip_prefix(LAP));
        laps.filter_map(|ns| ns.parse().ok())
            .map(Duration::from_nanos)
            .min()
    }

    /// What it means.
    pub(super) fn probe(&self) -> Probe {
        Probe {
            verdict: self.verdict(),
            lap: self.lap(),
        }
    }

    fn verdict(&self) -> Verdict {
        let mut steps = Step::ALL.into_iter();
        let last = steps.rfind(|step| self.lines().any(|line| line == step.word()));
        let failure = self.lines().find_map(|line| line.strip_prefix("failed "));
        let end = self.end();
        let slow = self.lap().filter(|lap| *lap > NATIVE_LAP).map(lap_words);
        let broken = |evidence: String| Verdict::Broken { evidence };
        let emulates = |evidence: String| Verdict::Emulates { evidence };
        match (last, failure) {
            (_, Some("EBUSY")) => Verdict::Occupied,
            (_, Some("EACCES" | "EPERM")) => Verdict::Denied {
                pending_group: false,
            },
            (None, Some(failure)) => broken(format!("a VM could not be made: {failure}")),
            (None, None) => broken(format!("no VM was made: {end}")),
            (Some(Step::Made), None) if self.lines().any(|line| line == UNPROBED) => {
                unprobed(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
            }
            (Some(Step::Made), failure) => broken(format!(
                "the first instruction does not run: {}",
                failure.unwrap_or(&end)
            )),
            (Some(Step::Cmpxchg16b), _) => slow.map_or(Verdict::Works, emulates),
            (Some(Step::Entered), None) => {
                emulates(format!("a loop of {TURNS} turns does not end ({end})"))
            }
            (Some(step), failure) => {
                let next = step.next().map_or("the next instruction", Step::what);
                emulates(match (failure, slow) {
                    (Some(why), _) => format!("{next} is refused ({why})"),
                    // What took the time is the loop.
                    (None, Some(slow)) => slow,
                    (None, None) => format!("{next} does not end ({end})"),
                })
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

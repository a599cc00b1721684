//! Which process a pid meant: a pid counts only with its start time right, because pids are reused.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

/// The file in a VM's run directory in which its VMM's process writes who it is, before it becomes
/// the VMM: the text of its `/proc/self/stat`. So no VMM is lost whose shim dies at that moment.
pub const BIRTH_RECORD: &str = "vmm.stat";

/// A process, named so that a reused pid is not mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The pid.
    pub pid: u32,
    /// When it started: clock ticks since the host's boot on Linux (`/proc/PID/stat`, field 22),
    /// µs since the epoch on macOS.
    pub start_time: u64,
}

impl ProcessId {
    /// The identity of a process that exists now; `None` when there is none or it is a zombie.
    pub fn of(pid: u32) -> Option<Self> {
        platform::start_time(pid).map(|start_time| Self { pid, start_time })
    }

    /// The identity of this very process.
    pub fn current() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// The process that wrote a [`BIRTH_RECORD`]; `None` when there is no whole one.
    pub fn of_birth_record(path: &Path) -> Option<Self> {
        platform::recorded(path)
    }

    /// Its command line as the host tells it; empty where it does not.
    pub fn arguments(self) -> Vec<String> {
        let as_run = std::fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let as_run = as_run.strip_suffix(b"\0").unwrap_or(&as_run);
        if as_run.is_empty() || !self.is_alive() {
            return Vec::new();
        }
        let words = as_run.split(|&byte| byte == 0);
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    /// Whether this very process still lives. A zombie counts as dead.
    pub fn is_alive(self) -> bool {
        platform::start_time(self.pid) == Some(self.start_time)
    }
}

/// Identifies one boot of the host: pids and start times of another boot mean nothing.
///
/// Linux: `/proc/sys/kernel/random/boot_id`; macOS: `kern.bootsessionuuid` by way of the boot time.
/// An empty text when the host does not tell.
pub fn host_boot_id() -> String {
    platform::boot_id()
}

/// Held for reading while a child is made, for writing while none may be.
static BIRTHS: RwLock<()> = RwLock::new(());

/// Makes a child process by `spawn`, never while [`between_births`] does its part.
pub fn birth<T>(spawn: impl FnOnce() -> T) -> T {
    let _birth = BIRTHS.read().unwrap_or_else(PoisonError::into_inner);
    spawn()
}

/// Does something while no child is between its birth and its program: one that is stopped there
/// keeps the thread that makes it from being stopped too, for that waits in vfork(2) as no signal
/// but a deadly one ends it. Waits for a birth under way, which takes milliseconds.
pub fn between_births<T>(act: impl FnOnce() -> T) -> T {
    let _none = BIRTHS.write().unwrap_or_else(PoisonError::into_inner);
    act()
}

/// The file of this very program; also when it was replaced by an upgrade since it was started.
pub fn own_program() -> PathBuf {
    std::env::current_exe()
        .ok()
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    use super::ProcessId;

    /// Fields of `/proc/PID/stat` after the command's closing parenthesis: state is the first,
    /// the start time the twentieth (proc(5), fields 3 and 22).
    pub(super) fn start_time(pid: u32) -> Option<u64> {
        start_time_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    pub(super) fn recorded(path: &Path) -> Option<ProcessId> {
        let mut stat = String::new();
        let file = fs::File::open(path).ok()?;
        file.take(4096).read_to_string(&mut stat).ok()?;
        Some(ProcessId {
            pid: stat.split_once(' ')?.0.parse().ok()?,
            start_time: start_time_in(&stat)?,
        })
    }

    fn start_time_in(stat: &str) -> Option<u64> {
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        fields.nth(18)?.parse().ok()
    }

    pub(super) fn boot_id() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    }
}

#[cfg(target_os = "macos")]
mod platform {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

    pub(super) fn start_time(pid: u32) -> Option<u64> {
        let mut system = System::new();
        let pid = Pid::from_u32(pid);
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            true,
            ProcessRefreshKind::nothing(),
        );
        let process = system.process(pid)?;
        (process.status() != ProcessStatus::Zombie).then(|| process.start_time() * 1_000_000)
    }

    /// No process can tell its own start time before exec here.
    pub(super) fn recorded(_: &std::path::Path) -> Option<super::ProcessId> {
        None
    }

    pub(super) fn boot_id() -> String {
        System::boot_time().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let me = ProcessId::current().unwrap();
        assert!(me.is_alive());
        let reused = ProcessId {
            start_time: me.start_time + 1,
            ..me
        };
        assert!(!reused.is_alive());
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let id = child.id();
        // A child that ended and was not waited for stays a zombie until `wait`.
        while ProcessId::of(id).is_some() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn what_may_not_meet_a_birth_waits_for_it() {
        let (done, told) = std::sync::mpsc::channel();
        let stops = birth(|| {
            let stops = std::thread::spawn(move || between_births(|| done.send(())));
            let soon = std::time::Duration::from_millis(20);
            assert!(told.recv_timeout(soon).is_err(), "it did not wait");
            stops
        });
        told.recv().unwrap();
        stops.join().unwrap().unwrap();
    }
}

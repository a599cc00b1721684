//! Processes that a test looks at or ends: always by pid, and only those that belong to its bed.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process seen from outside, through `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) i32);

impl Process {
    /// Sends a signal; the process must be there.
    pub(crate) fn signal(self, signal: Signal) {
        kill(Pid::from_raw(self.0), signal).unwrap_or_else(|e| panic!("{signal} to {self:?}: {e}"));
    }

    /// Whether it runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        self.stat().is_some_and(|fields| fields[0] != "Z")
    }

    /// Waits until it is gone.
    pub(crate) fn gone(self) {
        wait_until(&format!("{self:?} to be gone"), || !self.is_alive());
    }

    /// CPU time that it has used, in clock ticks.
    pub(crate) fn cpu_ticks(self) -> u64 {
        let fields = self.stat().unwrap_or_else(|| panic!("{self:?} is gone"));
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Its arguments, separated by spaces.
    pub(crate) fn command_line(self) -> String {
        fs::read_to_string(format!("/proc/{}/cmdline", self.0))
            .unwrap_or_default()
            .replace('\0', " ")
    }

    /// Whether its arguments or its environment name `text`.
    pub(crate) fn names(self, text: &str) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", self.0)).unwrap_or_default();
        self.command_line().contains(text) || String::from_utf8_lossy(&environment).contains(text)
    }

    /// The fields of `/proc/PID/stat` after the name, from the state on (`proc_pid_stat(5)`).
    fn stat(self) -> Option<Vec<String>> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let (_, rest) = text.rsplit_once(')')?;
        Some(rest.split_whitespace().map(str::to_owned).collect())
    }
}

/// Waits for what sends no event of its own, such as another process's end.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + super::PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

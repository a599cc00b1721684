//! What this host tells of itself, as far as drafts and rows need it.

use std::time::Duration;

use crate::sampler::{self, Probe};
use crate::vm::ProcessId;

/// Memory of this host in MiB; `None` when it does not tell.
pub(super) fn memory_mib() -> Option<u64> {
    sampler::host_memory().map(|memory| memory.total >> 20)
}

/// The live figures of a VMM: what cannot be read is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// CPU time over uptime, in percent of one core.
    pub(super) cpu_percent: Option<f64>,
    /// Memory resident, in bytes.
    pub(super) rss_bytes: Option<u64>,
    /// Of the guest's memory, what is resident, in bytes.
    pub(super) guest_memory_bytes: Option<u64>,
    /// Since the VMM started.
    pub(super) uptime: Option<Duration>,
}

/// Reads the figures of a VMM now.
pub(super) fn figures(vmm: ProcessId, mem_size_mib: Option<u64>) -> Figures {
    let mut probe = Probe::open(vmm, &[]);
    Figures {
        cpu_percent: sampler::lifetime_percent(vmm),
        rss_bytes: probe
            .as_mut()
            .and_then(Probe::read)
            .and_then(|reading| reading.rss),
        guest_memory_bytes: probe
            .zip(mem_size_mib)
            .and_then(|(mut probe, mib)| probe.guest_memory(mib << 20)),
        uptime: sampler::uptime(vmm),
    }
}

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
    /// Since the VMM started.
    pub(super) uptime: Option<Duration>,
}

/// Reads the figures of a VMM now.
pub(super) fn figures(vmm: ProcessId) -> Figures {
    Figures {
        cpu_percent: sampler::lifetime_percent(vmm),
        rss_bytes: Probe::open(vmm, &[])
            .and_then(|mut probe| probe.read())
            .and_then(|reading| reading.rss),
        uptime: sampler::uptime(vmm),
    }
}

//! What this host tells of itself, as far as drafts and rows need it.

use std::time::Duration;

use crate::backends::resolve::Runnable;
use crate::sampler::Probe;
use crate::vm::ProcessId;

/// Memory of this host in MiB; `None` when it does not tell.
pub(super) fn memory_mib() -> Option<u64> {
    platform::memory_bytes().map(|bytes| bytes >> 20)
}

/// What can run here.
pub(super) fn runnable() -> Runnable {
    Runnable {
        firecracker: Err("it is not part of this version yet".to_owned()),
        qemu: Ok(()),
    }
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
        cpu_percent: None,
        rss_bytes: Probe::open(vmm, &[])
            .and_then(|mut probe| probe.read())
            .and_then(|reading| reading.rss),
        uptime: None,
    }
}

#[cfg(target_os = "linux")]
mod platform {
    pub(super) fn memory_bytes() -> Option<u64> {
        nix::sys::sysinfo::sysinfo()
            .ok()
            .map(|host| host.ram_total())
    }
}

#[cfg(target_os = "macos")]
mod platform {
    pub(super) fn memory_bytes() -> Option<u64> {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        Some(system.total_memory()).filter(|&bytes| bytes > 0)
    }
}

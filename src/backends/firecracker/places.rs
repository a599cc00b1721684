//! Where a VM's sockets and FIFOs are. The names are short: paths of sockets are.

use std::path::{Path, PathBuf};

use crate::guest::agent::VSOCK_PORT;

/// Paths in the run directory, which is for its owner only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Firecracker's API.
    pub(super) api: PathBuf,
    /// What the guest reads from its serial line: Firecracker's standard input.
    pub(super) serial_in: PathBuf,
    /// What the guest writes to it: Firecracker's standard output.
    pub(super) serial_out: PathBuf,
    /// A line of JSON for each flush of the metrics.
    pub(super) metrics: PathBuf,
    /// What these lines come to, by the shim.
    pub(super) sums: PathBuf,
    /// Where the host would call the guest.
    pub(super) vsock: PathBuf,
    /// Where the agent calls us: Firecracker appends the port to the path of the vsock device.
    pub(super) agent: PathBuf,
}

impl Places {
    pub(super) fn of(run_dir: &Path) -> Self {
        let place = |name: &str| run_dir.join(name);
        Self {
            api: place("api.sock"),
            serial_in: place("serial.in"),
            serial_out: place("serial.out"),
            metrics: place("metrics"),
            sums: place("sums.json"),
            vsock: place("v.sock"),
            agent: place(&format!("v.sock_{VSOCK_PORT}")),
        }
    }
}

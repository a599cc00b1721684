//! Does KVM truly work here? Opening `/dev/kvm` proves nothing: the probe runs kernel-mode code.
//!
//! There are hosts whose KVM has every capability, makes VMs and runs a few instructions, and then
//! interprets kernel code a thousand times slower than the processor, or refuses an instruction
//! that every kernel uses. So a child process runs a small guest in 64-bit kernel mode: first a loop
//! against a clock of processor time, then the instructions that interpreters refuse. It tells each
//! step on its standard output; the parent draws the verdict, and kills a child that is stuck.
//!
//! On aarch64 no guest is run. There KVM makes a VM with a vCPU or it does not, and no KVM is known
//! that interprets; that nothing was run is told.

use std::process::ExitCode;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::vm::Store;
#[cfg(target_os = "linux")]
use crate::vm::process;

#[cfg(target_os = "linux")]
mod cache;
#[cfg(target_os = "linux")]
mod guest;
#[cfg(target_os = "linux")]
mod trace;

/// The hidden subcommand that is the probe's child.
pub const SUBCOMMAND: &str = "__kvm-probe";

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It executes kernel code at native speed.
    Works,
    /// It makes VMs and vCPUs, and nothing speaks against it. Nothing was run: there is no guest of
    /// the probe for this processor.
    Unprobed,
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

impl Verdict {
    /// `Ok` when guests may run on it, else the reason as a clause, such as
    /// `KVM here emulates kernel code: pxor is refused`.
    pub fn usable(&self) -> Result<(), String> {
        Err(match self {
            Self::Works | Self::Unprobed => return Ok(()),
            Self::Absent if cfg!(target_os = "linux") => "there is no /dev/kvm".to_owned(),
            Self::Absent => "KVM belongs to Linux".to_owned(),
            Self::Denied {
                pending_group: false,
            } => "/dev/kvm may not be opened by this user".to_owned(),
            Self::Denied {
                pending_group: true,
            } => {
                "this login is older than the user's membership in the group of /dev/kvm".to_owned()
            }
            Self::Occupied => "another hypervisor holds the processor".to_owned(),
            Self::Emulates { evidence } => format!("KVM here emulates kernel code: {evidence}"),
            Self::Broken { evidence } => format!("KVM here is broken: {evidence}"),
        })
    }
}

/// A verdict and what was measured for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it comes to.
    pub verdict: Verdict,
    /// Processor time of the fastest lap of the guest's loop; `None` when none came to its end.
    pub lap: Option<Duration>,
}

impl Probe {
    /// The measurement as a clause, with the bound that it is held against.
    pub fn measured(&self) -> Option<String> {
        #[cfg(target_os = "linux")]
        return self.lap.map(trace::lap_words);
        #[cfg(not(target_os = "linux"))]
        None
    }
}

impl From<Verdict> for Probe {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, lap: None }
    }
}

/// Probes now, in a child process with a deadline. Takes some 50 ms, a second at worst.
#[cfg(target_os = "linux")]
pub fn probe() -> Probe {
    let mut command = Command::new(process::own_program());
    command.arg(SUBCOMMAND);
    probe_by(command)
}

/// Probes with `command` as the child that calls [`probe_main`].
#[cfg(target_os = "linux")]
pub fn probe_by(mut command: Command) -> Probe {
    if let Some(verdict) = trace::look() {
        return verdict.into();
    }
    command
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    match process::birth(|| command.spawn()) {
        Ok(child) => trace::follow(child, trace::DEADLINE).probe(),
        Err(error) => Probe::from(Verdict::Broken {
            evidence: format!("the probe could not be started: {error}"),
        }),
    }
}

/// KVM belongs to Linux.
#[cfg(not(target_os = "linux"))]
pub fn probe() -> Probe {
    Verdict::Absent.into()
}

/// Where a store keeps the verdict.
const KEPT: &str = "kvm-verdict.json";

/// The verdict kept in the store for this boot of the host, kernel release, mode of `/dev/kvm` and
/// user; probes when there is none. That it cannot be kept is no error.
#[cfg(target_os = "linux")]
pub fn verdict(store: &Store) -> Verdict {
    if let Some(verdict) = trace::look() {
        return verdict;
    }
    cache::load_or(&store.root().join(KEPT), || probe().verdict)
}

/// Lets another store know what is known in this one, so that nothing is probed twice. That it
/// cannot is no error: then it is.
pub fn share_verdict(from: &Store, with: &Store) {
    let _ = std::fs::copy(from.root().join(KEPT), with.root().join(KEPT));
}

/// KVM belongs to Linux.
#[cfg(not(target_os = "linux"))]
pub fn verdict(store: &Store) -> Verdict {
    let _ = store;
    Verdict::Absent
}

/// The hidden subcommand `__kvm-probe`: the child of [`probe`], tells its steps on standard output.
#[cfg(target_os = "linux")]
pub fn probe_main() -> ExitCode {
    guest::run();
    ExitCode::SUCCESS
}

/// KVM belongs to Linux.
#[cfg(not(target_os = "linux"))]
pub fn probe_main() -> ExitCode {
    ExitCode::FAILURE
}

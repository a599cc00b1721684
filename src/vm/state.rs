//! What became of a VM: `state.json`, written by its shim alone.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Accel, ApiCall, BackendKind, BootRecord, Phase, ProcessId};

/// The version of `state.json` that this program writes, and the newest that it reads.
pub const STATE_VERSION: u32 = 1;

/// Why a VM ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The guest powered itself off.
    GuestShutdown,
    /// The guest rebooted; a VM without reboot support ends there.
    GuestReset,
    /// The guest's kernel panicked and the VMM was told to end.
    GuestPanic,
    /// We asked the VMM to end.
    Stopped,
    /// `kill` was asked for.
    Killed,
    /// Somebody else sent the VMM a signal.
    Signal,
    /// The VMM ended by itself with an error.
    VmmError,
    /// The VMM could not be started.
    StartFailed,
    /// The shim died while it was starting the VM.
    StartInterrupted,
    /// The host was rebooted under it.
    HostReboot,
    /// Nobody saw it end.
    Unknown,
}

impl ExitReason {
    /// Whether a VM that ended so is *stopped*; otherwise it is *crashed*.
    pub fn is_clean(self) -> bool {
        matches!(
            self,
            Self::GuestShutdown | Self::GuestReset | Self::Stopped | Self::Killed
        )
    }

    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::GuestShutdown => "the guest powered off",
            Self::GuestReset => "the guest rebooted",
            Self::GuestPanic => "the guest's kernel panicked",
            Self::Stopped => "stopped on request",
            Self::Killed => "killed on request",
            Self::Signal => "killed by a signal",
            Self::VmmError => "the VMM failed",
            Self::StartFailed => "the start failed",
            Self::StartInterrupted => "start interrupted",
            Self::HostReboot => "the host was rebooted",
            Self::Unknown => "exit status unknown",
        }
    }
}

/// How a VM ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Why.
    pub reason: ExitReason,
    /// The VMM's exit code, if it was seen and the VMM exited.
    #[serde(default)]
    pub code: Option<i32>,
    /// The signal that ended the VMM, if it was seen and a signal did.
    #[serde(default)]
    pub signal: Option<i32>,
    /// What the code means in the VMM's own terms, where it has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// When, as far as it is known.
    #[serde(default)]
    pub at: Option<jiff::Timestamp>,
    /// The VMM's own last words, or what else explains it.
    #[serde(default)]
    pub detail: Option<String>,
}

impl Exit {
    /// One line for a row: the reason, and the signal or code when they add to it.
    pub fn summary(&self) -> String {
        let name = |signal: i32| {
            nix::sys::signal::Signal::try_from(signal).map_or_else(
                |_| format!("signal {signal}"),
                |signal| signal.as_str().to_owned(),
            )
        };
        match (self.reason, self.signal, self.code) {
            (ExitReason::Signal, Some(signal), _) => format!("killed by {}", name(signal)),
            (ExitReason::VmmError, _, Some(code)) => {
                let failed = format!("the VMM failed with exit code {code}");
                match &self.meaning {
                    Some(meaning) => format!("{failed}, {meaning}"),
                    None => failed,
                }
            }
            (ExitReason::StartFailed, _, _) => self.detail.as_deref().map_or_else(
                || self.reason.words().to_owned(),
                |detail| {
                    format!(
                        "the start failed: {}",
                        detail.lines().next_back().unwrap_or("")
                    )
                },
            ),
            _ => self.reason.words().to_owned(),
        }
    }
}

/// What became of a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmState {
    /// Form of this file: [`STATE_VERSION`].
    pub version: u32,
    /// Where it is in its life, as its shim last wrote.
    pub phase: Phase,
    /// Who runs it; absent before the first start.
    #[serde(default)]
    pub backend: Option<BackendKind>,
    /// What executes its instructions; absent before the first start.
    #[serde(default)]
    pub accel: Option<Accel>,
    /// Why that accelerator was taken, as a clause.
    #[serde(default)]
    pub accel_reason: Option<String>,
    /// Whether the host's check doubts that accelerator: it was taken all the same.
    #[serde(default)]
    pub accel_doubted: bool,
    /// What there is to say of its network on this host, as a clause: the TAP device and its
    /// addresses, why there is none, or what could not be taken away.
    #[serde(default)]
    pub network: Option<String>,
    /// The VMM's process while one lives.
    #[serde(default)]
    pub vmm: Option<ProcessId>,
    /// The shim's process while one lives.
    #[serde(default)]
    pub shim: Option<ProcessId>,
    /// The host's boot in which those processes live.
    #[serde(default)]
    pub host_boot: String,
    /// Where the sockets are.
    #[serde(default)]
    pub run_dir: Option<PathBuf>,
    /// The VMM's command line as it was run.
    #[serde(default)]
    pub argv: Vec<String>,
    /// The calls of its API that set the VM up, in order; empty for a VMM without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_calls: Vec<ApiCall>,
    /// Thread ids of the vCPUs while the VMM lives, in the order of the vCPUs.
    #[serde(default)]
    pub vcpu_threads: Vec<u32>,
    /// The boot under way, or the last one.
    #[serde(default)]
    pub boot: Option<BootRecord>,
    /// Whether the guest of this boot said that it is ready.
    #[serde(default)]
    pub ready: bool,
    /// Whether the guest of this boot has said anything on its serial line.
    #[serde(default)]
    pub heard: bool,
    /// How the VM last ended.
    #[serde(default)]
    pub exit: Option<Exit>,
    /// Offset in the serial log right after the last `send`, in bytes.
    #[serde(default)]
    pub last_send: Option<u64>,
    /// The size of the guest's terminal, once somebody chose one in this boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSize>,
    /// The operation under way, in words such as `stopping: waiting for the guest`.
    #[serde(default)]
    pub activity: Option<String>,
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

impl Default for VmState {
    fn default() -> Self {
        Self {
            version: STATE_VERSION,
            phase: Phase::Created,
            backend: None,
            accel: None,
            accel_reason: None,
            accel_doubted: false,
            network: None,
            vmm: None,
            shim: None,
            host_boot: String::new(),
            run_dir: None,
            argv: Vec::new(),
            api_calls: Vec::new(),
            vcpu_threads: Vec::new(),
            boot: None,
            ready: false,
            heard: false,
            exit: None,
            last_send: None,
            window: None,
            activity: None,
        }
    }
}

//! The agent's protocol over virtio-serial: one JSON object a line, either side may restart.
//!
//! The agent itself (`src/bin/smolvm-agent.rs`) is dependency-free apart from `nix` and keeps its
//! own small writer of these lines; a test holds the two together.

use serde::{Deserialize, Serialize};

/// The version of this protocol.
pub const PROTOCOL: u32 = 1;

/// The name of the virtio-serial port, as QEMU and `/dev/virtio-ports` have it.
pub const PORT_NAME: &str = "org.smolvm.agent.0";

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromAgent {
    /// The guest is ready: a shell reads on the serial line. Said again when the host reconnects
    /// and asks with [`ToAgent::Hello`].
    Ready {
        /// [`PROTOCOL`] of the agent.
        protocol: u32,
        /// The agent's version.
        version: String,
        /// The guest's own clock at each of the agent's stages, in µs since the guest's boot.
        #[serde(default)]
        stages: std::collections::BTreeMap<String, u64>,
    },
    /// A request was understood and is being carried out.
    Ack {
        /// The request's word.
        what: String,
    },
}

/// What the host says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToAgent {
    /// Who are you? Answered with [`FromAgent::Ready`] once that is true.
    Hello {
        /// [`PROTOCOL`] of the host.
        protocol: u32,
    },
    /// Sync file systems and power off.
    PowerOff,
    /// Sync file systems and reboot.
    Reboot,
    /// The size of the terminal on the serial line.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

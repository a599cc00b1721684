//! What a VMM counts of its guest: plain figures, for every backend the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counters since the VM started, or since `since` where an earlier shim's count was lost. What a
/// VMM does not count is absent, never 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// When the counting began, where that is not the VM's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
    /// How often the guest left for the VMM or the kernel, by kind, such as `io_out`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exits: BTreeMap<String, u64>,
    /// All disks together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<BlockFigures>,
    /// All network cards together, as the guest sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<NetFigures>,
    /// The vsock device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsock: Option<VsockFigures>,
    /// The serial line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialFigures>,
    /// The memory balloon, and what the guest tells by it. Levels, not counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balloon: Option<BalloonFigures>,
}

/// Declares a struct of figures, each absent where it is not counted.
macro_rules! figures {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$fmeta])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<u64>),+
        }

        impl $name {
            /// These figures, unless none of them is known.
            pub fn known(self) -> Option<Self> {
                (self != Self::default()).then_some(self)
            }
        }
    };
}

figures! {
    /// What disks did.
    BlockFigures {
        /// Bytes read.
        read_bytes,
        /// Bytes written.
        write_bytes,
        /// Reads.
        reads,
        /// Writes.
        writes,
        /// Flushes.
        flushes,
    }
}

figures! {
    /// What network cards did; received is what the guest received.
    NetFigures {
        /// Bytes received.
        rx_bytes,
        /// Bytes sent.
        tx_bytes,
        /// Packets received.
        rx_packets,
        /// Packets sent.
        tx_packets,
        /// Packets that could not be received.
        rx_fails,
        /// Packets that could not be sent.
        tx_fails,
    }
}

figures! {
    /// What the vsock device did.
    VsockFigures {
        /// Bytes received by the guest.
        rx_bytes,
        /// Bytes sent by the guest.
        tx_bytes,
        /// Connections that were made.
        connections_made,
        /// Connections that have ended.
        connections_ended,
    }
}

figures! {
    /// What the serial line did.
    SerialFigures {
        /// Bytes that the guest read.
        reads,
        /// Bytes that the guest wrote.
        writes,
        /// Bytes that were lost, and other errors.
        errors,
    }
}

figures! {
    /// The balloon now, and memory as the guest sees it.
    BalloonFigures {
        /// How large the balloon is to be, in bytes.
        target_bytes,
        /// How large it is, in bytes.
        actual_bytes,
        /// Memory of the guest that nothing uses, in bytes.
        free_bytes,
        /// Memory of the guest that programs could have, in bytes.
        available_bytes,
        /// Memory of the guest in all, in bytes.
        total_bytes,
    }
}

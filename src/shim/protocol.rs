//! What goes over `shim.sock`: frames of a length, a kind and a payload, little-endian.
//!
//! ```text
//! u32 length of what follows | u8 kind | payload (length - 1 bytes)
//! ```
//! Control payloads are JSON; console payloads are binary. The first frame of either side is a
//! hello; a newer client speaks the previous protocol too, so shims outlive upgrades. Frames of a
//! kind, and requests, that a newer peer knows and we do not are passed over or refused; they never
//! end the connection. The bytes themselves are in [`codec`].

use serde::{Deserialize, Serialize};

use crate::fault::Failure;
use crate::guest::protocol::frame::Frame;
use crate::guest::protocol::message::Message;
use crate::vm::{BootPhase, Exit, Figures, Phase};

pub mod codec;

/// The version of this protocol.
pub const PROTOCOL: u32 = 2;

/// The first version with streams to the guest's agent.
pub const STREAMS: u32 = 2;

/// The longest frame that is accepted, in bytes: a peer that claims more is cut off.
pub const LONGEST_FRAME: usize = 1 << 20;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The first frame.
    Hello {
        /// The newest protocol that the client speaks.
        protocol: u32,
        /// The client's program version.
        version: String,
    },
    /// Something to be done or told; the answer carries the same id.
    Request {
        /// Chosen by the client.
        id: u64,
        /// What is asked.
        request: Request,
    },
    /// Bytes for the guest's serial line, typed by a person or by `send`.
    Input(Vec<u8>),
    /// A piece of a stream to the guest's agent.
    Stream(Piece),
}

/// A piece of a stream between a client and the guest's agent, which the shim passes on. What it
/// says is the agent's protocol, `crate::guest::protocol`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The stream, by the number that the client gave it.
    pub stream: u32,
    /// What it is.
    pub kind: u8,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl Piece {
    /// A message of the agent's protocol on this stream.
    pub(crate) fn new(stream: u32, message: &Message<'_>) -> Self {
        let (kind, payload) = message.parts();
        Self {
            stream,
            kind,
            payload,
        }
    }

    /// What it says; `None` when it makes no sense to us.
    pub(crate) fn message(&self) -> Option<Message<'_>> {
        Message::decode(&Frame {
            kind: self.kind,
            stream: self.stream,
            payload: &self.payload,
        })
    }
}

/// What a client may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// How the VM is now; answered with [`Answer::Status`].
    Status,
    /// Ask the guest to power off, then the VMM, then kill; answered when the VM has ended.
    Stop {
        /// How long the guest may take before the VMM is ended, in ms; absent: the default.
        timeout_ms: Option<u64>,
    },
    /// End the VMM at once; answered when it has ended. Cancels an operation under way.
    Kill,
    /// Stop, then start again under the same shim; answered when the VM runs.
    Restart {
        /// As in [`Self::Stop`].
        timeout_ms: Option<u64>,
    },
    /// Halt the vCPUs.
    Pause,
    /// Let them go on.
    Resume,
    /// Answered when the guest is ready, or with a failure when the VM ends first.
    WaitReady,
    /// Answered with [`Answer::Status`] when the VM has ended; a failed start is a failure.
    WaitExit,
    /// Answered when the VM runs; a failed start is a failure with the VMM's last words.
    WaitRunning,
    /// From now on send console output: a replay from `from`, then what comes.
    Attach {
        /// Where the replay begins.
        from: ReplayFrom,
    },
    /// No more console output.
    Detach,
    /// Type bytes as one piece and note where the output then stood: the `send` command.
    Send {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Type bytes as one piece, answered when the guest's line has taken them: a long paste goes so,
    /// piece by piece, and can be told of and given up.
    Type {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Give the guest's terminal this size, and with it the shim's own, for its replies and `screen`.
    /// Everybody hears of it by [`Event::Size`].
    Resize {
        /// Rows, at least 2.
        rows: u16,
        /// Columns, at least 2.
        columns: u16,
        /// How far to go; absent: the agent is told if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        push: Option<Push>,
    },
    /// The screen as it stands; answered with [`Answer::Screen`].
    Screen,
    /// Send a BREAK over the serial line, and a letter right behind it: `SysRq` for a Linux guest.
    /// Answered when both are sent; refused while the guest has not taken what was typed before.
    Break {
        /// A letter or a digit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        letter: Option<char>,
    },
    /// What the VMM counts of its guest, counted up to now; answered with [`Answer::Figures`].
    Figures,
}

/// How far the shim goes to change the size of the guest's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// Only if nobody chose a size in this boot, and only through the agent, once there is one. A
    /// console asks so when it takes the keys. Always answered with [`Answer::Done`].
    FirstOnly,
    /// Somebody wants it: through the agent, else typed at a shell's prompt, else refused.
    ByAnyMeans,
}

/// Where a replay of the console begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFrom {
    /// No replay.
    Now,
    /// As much of the recent past as the shim holds at hand.
    Recent,
    /// Where the last `send` left off, else where this boot began.
    LastSend,
    /// Where this boot began.
    Boot,
    /// This offset in the serial output, or the oldest that is still kept.
    Offset(u64),
}

/// How a VM is, as its shim knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its phase.
    pub phase: Phase,
    /// Whether the guest of this boot said that it is ready.
    pub ready: bool,
    /// How it ended, if it did.
    pub exit: Option<Exit>,
    /// Bytes of serial output since the VM was made.
    pub console_end: u64,
    /// Why `state.json` does not say so, when it could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsaved: Option<Failure>,
}

/// What a shim answers to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// How the VM is.
    Status(Status),
    /// The screen.
    Screen {
        /// Rows of the shim's terminal.
        rows: u16,
        /// Columns of the shim's terminal.
        columns: u16,
        /// The screen as plain text, one line a row, trailing blanks cut.
        text: String,
        /// The screen as bytes that draw it on a terminal.
        ansi: String,
    },
    /// What the VMM counts.
    Figures(Box<Figures>),
    /// Console output begins here; [`ServerFrame::Live`] follows where the replay ends.
    Attached {
        /// Offset of the first byte of the replay.
        from: u64,
        /// Size of the shim's terminal.
        rows: u16,
        /// Size of the shim's terminal.
        columns: u16,
    },
}

/// What happens, told to every client without being asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The VM is in another phase.
    Phase {
        /// Which.
        phase: Phase,
        /// How it ended, if it did.
        exit: Option<Exit>,
    },
    /// A boot phase came.
    Boot {
        /// Which.
        phase: BootPhase,
        /// Offset from *spawned* in µs.
        offset_us: u64,
        /// Offset in the serial output, in bytes.
        console: u64,
    },
    /// The guest's terminal has this size from here on.
    Size {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

/// What a shim says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The first frame.
    Hello {
        /// The protocol that will be spoken.
        protocol: u32,
        /// The shim's program version.
        version: String,
        /// Its pid.
        pid: u32,
    },
    /// The answer to the request with this id.
    Answer {
        /// The client's id.
        id: u64,
        /// What came of it.
        result: Result<Answer, Failure>,
    },
    /// Something happened.
    Event(Event),
    /// Serial output.
    Output {
        /// Offset of the first byte in the serial output since the VM was made.
        offset: u64,
        /// When it came, µs since *spawned* of the boot under way; of a replay, as noted then.
        t_us: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The replay ends here; what follows comes as the guest says it.
    Live {
        /// The offset at which it stands.
        offset: u64,
    },
    /// This client was too slow: bytes were left out for it. The guest lost none.
    Gap {
        /// Offset of the first byte that is missing.
        offset: u64,
        /// How many are missing.
        missing: u64,
    },
    /// A piece of a stream of the guest's agent.
    Stream(Piece),
}

//! What host and agent say to each other, byte for byte: one source for both programs, the agent
//! includes this folder. No I/O.
//!
//! The channel, a virtio-serial port or a virtio socket, carries two things in turn:
//!
//! * **lines**: one flat JSON object each, about the guest as a whole (ready, power off, window
//!   size). Every version of the protocol has them, so an agent of any age is understood.
//! * **frames**: pieces of streams, many at a time, each a command, a transfer or a watch. They flow
//!   once the agent has repeated the session number of the host's `hello`.
//!
//! ```text
//! 0xf5 | u8 kind | u16 length | u32 stream | u32 checksum | payload       (little-endian)
//! ```
//! No line holds the first byte, which UTF-8 does not know. Either side may be cut off at any byte
//! and come back: see [`frame::Decoder`].
//!
//! Nobody sends what the other has not made room for: each stream has a window in each direction,
//! the sender counts it down, and [`message::Message::Credit`] adds what was taken.

pub(crate) mod frame;
pub(crate) mod message;

/// How much of a command's output may be under way, in bytes: what the one who asks has to hold.
pub(crate) const OUTPUT_WINDOW: u32 = 256 * 1024;

/// How much of a command's input may be under way, in bytes: what the agent has to hold. Every
/// stream begins with it, so that nobody waits for leave to send what is small.
pub(crate) const INPUT_WINDOW: u32 = 64 * 1024;

/// The exit code of a stream that came too early: the guest is not ready (`EX_TEMPFAIL`).
pub(crate) const NOT_READY: u8 = 75;

/// Signals by their numbers on Linux, whatever the host is.
pub(crate) mod signals {
    pub(crate) const KILL: u8 = 9;
    pub(crate) const PIPE: u8 = 13;
    pub(crate) const WINCH: u8 = 28;
}

/// Streams that an agent carries at a time.
pub(crate) const MOST_STREAMS: usize = 256;

//! Files and directories as a stream of bytes: one source for host and agent, which send and receive
//! alike.
//!
//! ```text
//! file  1 | u32 mode | i64 s | u32 ns | u64 size | u16 length, name | bytes | u64 checksum
//! dir   2 | u32 mode | i64 s | u32 ns |            u16 length, name
//! link  3 |            i64 s | u32 ns |            u16 length, name | u16 length, target
//! other 4 |                                        u16 length, name          left out
//! up    5                                                 the directory is complete
//! end   6                                                 all is
//! ```
//! Everything is named within the directory that was entered last, by a name that holds no `/`: what
//! a hostile sender says can only make new things below the place that the receiver has chosen.

mod item;
pub(crate) mod receive;
pub(crate) mod send;

use super::protocol::frame::Sum;

/// The kinds of what follows each other.
mod kind {
    pub(super) const FILE: u8 = 1;
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const LINK: u8 = 3;
    pub(super) const OTHER: u8 = 4;
    pub(super) const UP: u8 = 5;
    pub(super) const END: u8 = 6;
}

/// The longest name and the longest target of a link, in bytes (`NAME_MAX` and `PATH_MAX`).
const LONGEST_NAME: usize = 255;
const LONGEST_TARGET: usize = 4095;

/// How deep directories may lie in each other. Each costs a descriptor on the way.
const DEEPEST: usize = 128;

/// More names of what was left out are not kept.
const MOST_LEFT_OUT: usize = 20;

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Files, directories and links, begun or done.
    pub(crate) items: u64,
    /// Bytes of files.
    pub(crate) bytes: u64,
    /// Bytes of the file that the transfer began with; of directories nobody knows.
    pub(crate) size: Option<u64>,
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;

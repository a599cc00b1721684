//! The serial output: into the log, the terminal and the recent past, and out again by offset.

use std::collections::VecDeque;
use std::io;

use crate::console::{MouseWanted, Screen, Size, Terminal};
use crate::shim::log::{Log, When};
use crate::vm::VmPaths;

/// How much of the past is at hand without a file, in bytes.
pub(super) const RECENT: usize = 256 * 1024;

/// A client that lags further behind the guest than this, in bytes, has a gap: what the slowest draws
/// in some 10 ms, so that its screen is never far behind.
const MOST_BEHIND: u64 = 1 << 20;

/// The most that goes into one frame, in bytes.
const PIECE: usize = 64 * 1024;

/// Notes of time for the recent past; beyond, the bytes count to the note before.
const TIMES: usize = 4096;

/// What a client gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes.
    Output {
        offset: u64,
        t_us: u64,
        bytes: Vec<u8>,
    },
    /// It lagged too far behind: bytes from `offset` on are missing for it.
    Missing { offset: u64, missing: u64 },
}

/// All that is kept of a VM's serial output.
#[derive(Debug)]
pub(super) struct Console {
    log: Log,
    terminal: Terminal,
    recent: VecDeque<u8>,
    /// Offset right after the recent bytes.
    recent_to: u64,
    /// Offset and time, in the order of the offsets.
    times: VecDeque<(u64, u64)>,
    boot: u32,
}

impl Console {
    /// Opens the log of a VM. Call it only under the VM's lock.
    pub(super) fn open(paths: &VmPaths) -> io::Result<Self> {
        Ok(Self {
            log: Log::open(paths)?,
            terminal: Terminal::new(Size::DEFAULT, 0),
            recent: VecDeque::new(),
            recent_to: 0,
            times: VecDeque::new(),
            boot: 0,
        })
    }

    /// Brings the recent past, and the screen, back from the log.
    pub(super) fn remember(&mut self) -> io::Result<()> {
        let mut offset = self.end().saturating_sub(RECENT as u64);
        while let Some(chunk) = self.log.reader().read(offset, PIECE)? {
            offset = chunk.offset + chunk.bytes.len() as u64;
            self.terminal.feed(&chunk.bytes);
            self.keep(chunk.offset, chunk.when.t_us, &chunk.bytes);
        }
        Ok(())
    }

    /// The ordinal of the boot whose output comes from now on. It begins with a blank screen.
    pub(super) fn begin_boot(&mut self, boot: u64) {
        self.boot = u32::try_from(boot).unwrap_or(u32::MAX);
        self.terminal = Terminal::new(self.terminal.size(), 0);
        self.note_size();
    }

    fn note_size(&mut self) {
        // Without it a replay has the size of before.
        let size = self.terminal.size();
        let _ = self.log.note_size(size.rows(), size.columns());
    }

    /// The same boot goes on under this shim.
    pub(super) fn continue_boot(&mut self, boot: u64) {
        self.boot = u32::try_from(boot).unwrap_or(u32::MAX);
    }

    /// The ordinal of the boot whose output came last, as the log has it.
    pub(super) fn last_boot(&self) -> Option<u64> {
        let last = self.end().checked_sub(1)?;
        Some(self.log.reader().when(last)?.boot.into())
    }

    /// Bytes of output since the VM was made.
    pub(super) fn end(&self) -> u64 {
        self.log.end()
    }

    /// The oldest offset that can be had.
    pub(super) fn oldest(&self) -> u64 {
        self.log.reader().oldest().min(self.recent_from())
    }

    /// The oldest offset that is at hand without a file.
    pub(super) fn recent_from(&self) -> u64 {
        if self.recent_to == self.end() {
            self.end() - self.recent.len() as u64
        } else {
            self.end()
        }
    }

    /// The log, for what else is noted in it.
    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Takes what the guest said and returns what the terminal owes to it.
    pub(super) fn take(&mut self, bytes: &[u8], t_us: u64) -> Vec<u8> {
        self.store(bytes, t_us, false);
        self.terminal.feed_answering(bytes)
    }

    /// Takes what the guest said while nobody listened, found at `t_us`: its queries are stale.
    pub(super) fn take_missed(&mut self, bytes: &[u8], t_us: u64) {
        if bytes.is_empty() {
            return;
        }
        self.store(bytes, t_us, true);
        self.terminal.feed(bytes);
    }

    fn store(&mut self, bytes: &[u8], t_us: u64, missed: bool) {
        let offset = self.end();
        let when = When {
            boot: self.boot,
            t_us,
            missed,
        };
        // A full disk must not stop the guest: the log has a hole then and says so.
        let _ = self.log.append(bytes, when);
        self.keep(offset, t_us, bytes);
    }

    fn keep(&mut self, offset: u64, t_us: u64, bytes: &[u8]) {
        if self.recent_to != offset {
            self.recent.clear();
            self.times.clear();
        }
        self.recent.extend(bytes);
        let over = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..over);
        if self.times.len() < TIMES && self.times.back().is_none_or(|&(_, at)| at != t_us) {
            self.times.push_back((offset, t_us));
        }
        let from = offset + bytes.len() as u64 - self.recent.len() as u64;
        while self.times.get(1).is_some_and(|&(at, _)| at <= from) {
            self.times.pop_front();
        }
        self.recent_to = offset + bytes.len() as u64;
    }

    /// What comes at `offset`, or `None` at the end. A client that has been live has a gap where it
    /// lags too far behind; a replay has all that is kept.
    pub(super) fn read(&self, offset: u64, live: bool) -> Option<Piece> {
        let from = self.recent_from();
        if offset >= self.end() {
            return None;
        }
        if offset >= from {
            return Some(self.read_recent(offset));
        }
        let filed = if live && self.end() - offset > MOST_BEHIND {
            None
        } else {
            // A file that cannot be read is as good as forgotten.
            self.log.reader().read(offset, PIECE).unwrap_or(None)
        };
        Some(match filed {
            Some(chunk) if chunk.offset == offset => Piece::Output {
                offset,
                t_us: chunk.when.t_us,
                bytes: chunk.bytes,
            },
            other => {
                let to = other.map_or(from, |chunk| chunk.offset.min(from));
                Piece::Missing {
                    offset,
                    missing: to - offset,
                }
            }
        })
    }

    /// The end of the output at hand, at most `length` bytes, none of them before `from`.
    pub(super) fn tail(&self, from: u64, length: usize) -> Vec<u8> {
        let begin = from.max(self.recent_from());
        let there = usize::try_from(self.end().saturating_sub(begin)).unwrap_or(usize::MAX);
        let length = length.min(there).min(self.recent.len());
        self.recent
            .range(self.recent.len() - length..)
            .copied()
            .collect()
    }

    fn read_recent(&self, offset: u64) -> Piece {
        let after = self.times.partition_point(|&(at, _)| at <= offset);
        let t_us = after
            .checked_sub(1)
            .and_then(|index| self.times.get(index))
            .map_or(0, |&(_, t_us)| t_us);
        let until = self
            .times
            .get(after)
            .map_or(self.end(), |&(at, _)| at)
            .min(offset + PIECE as u64);
        let begin = usize::try_from(offset - self.recent_from()).unwrap_or(usize::MAX);
        let length = usize::try_from(until - offset).unwrap_or(PIECE);
        Piece::Output {
            offset,
            t_us,
            bytes: self.recent.range(begin..begin + length).copied().collect(),
        }
    }

    /// The size of the shim's terminal.
    pub(super) fn size(&self) -> Size {
        self.terminal.size()
    }

    /// Gives the shim's terminal another size.
    pub(super) fn resize(&mut self, size: Size) {
        self.terminal.resize(size);
        self.note_size();
    }

    /// Whether a shell seems to wait at its prompt, and no full-screen program has the screen.
    pub(super) fn at_prompt(&self) -> bool {
        let modes = self.terminal.modes();
        if modes.alternate_screen || modes.application_cursor || modes.application_keypad {
            return false;
        }
        let mut screen = Screen::default();
        self.terminal.view(0, &mut screen);
        modes.mouse == MouseWanted::Nothing && screen.ends_in_prompt()
    }

    /// The screen as text and as bytes that draw it.
    pub(super) fn screen(&self) -> (String, String) {
        let mut screen = Screen::default();
        self.terminal.view(0, &mut screen);
        (screen.text(), screen.ansi())
    }
}

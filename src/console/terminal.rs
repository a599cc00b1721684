//! The terminal: bytes in, cells and replies out.

use std::ops::Range;

use super::engine::Engine;
use super::limit::Limit;
use super::reader::Text;
use super::respond::{Found, Replies, Responder};
use super::stamps::Stamps;
use super::{Modes, Screen, Size};
use crate::fault::guard;

/// How many bytes are fed between two looks at whether the engine still lives.
const PIECE: usize = 4096;

/// What stands on the screen of an engine that replaced a failed one.
const NOTICE: &[u8] = b"[the terminal engine failed on this output and was started anew]\r\n";

/// A terminal of one size with a scrollback. A panic inside the engine costs the screen, not the program.
pub struct Terminal {
    size: Size,
    scrollback: usize,
    parts: Parts,
    failures: u32,
    /// Lines that scrolled away in engines that failed.
    passed: u64,
    stamps: Stamps,
}

/// What a failure replaces.
struct Parts {
    limit: Limit,
    responder: Responder,
    engine: Engine,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("size", &self.size)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Terminal {
    /// A terminal with up to `scrollback` lines of the past.
    pub fn new(size: Size, scrollback: usize) -> Self {
        Self {
            size,
            scrollback,
            parts: Parts::new(size, scrollback),
            failures: 0,
            passed: 0,
            stamps: Stamps::default(),
        }
    }

    /// Takes the guest's bytes, split anywhere. Asks no questions answered: see [`Self::feed_answering`].
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_answering(bytes);
    }

    /// The same, and notes for the rows that they came at `t_us`, in µs since whenever.
    pub fn feed_at(&mut self, bytes: &[u8], t_us: u64) {
        let from = self.cursor();
        self.feed(bytes);
        let (end, _) = self.cursor();
        self.stamps.came(from, end, t_us);
        self.stamps.forget_before(self.rows().start);
    }

    /// When the row with that number was written, in µs, and for how long nothing followed it; as
    /// far as that was noted.
    pub fn came(&self, row: i64) -> (Option<u64>, u64) {
        self.stamps.of(row)
    }

    /// The number of the row of the cursor, and its column.
    fn cursor(&self) -> (i64, usize) {
        let (row, column) = self.parts.engine.cursor();
        (self.live_top() + i64::try_from(row).unwrap_or(0), column)
    }

    /// The same, and returns the replies that a terminal owes to the guest's queries: cursor
    /// position, device attributes, status, modes, sizes, XTGETTCAP of the terminal's name. Only
    /// the shim calls this. Replies carry no text of the guest's and are bounded: 64 and 4 KiB a call.
    pub fn feed_answering(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut replies = Replies::default();
        for piece in bytes.chunks(PIECE) {
            self.guarded(|parts| parts.feed(piece, &mut replies));
        }
        replies.bytes
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Gives it another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        let before = (self.cursor().0, self.rows().start);
        self.guarded(|parts| parts.engine.resize(size));
        let after = (self.cursor().0, self.rows().start);
        if before.0 - before.1 == after.0 - after.1 {
            self.stamps.shift(after.0 - before.0);
        } else {
            // Lines were broken anew, and which row is which now is not known.
            self.stamps.clear();
        }
    }

    /// What the guest asked of it.
    pub fn modes(&self) -> Modes {
        self.parts.engine.modes()
    }

    /// The title that the guest set, as inert text of at most 64 characters without controls.
    pub fn title(&self) -> Option<&str> {
        self.parts.engine.title()
    }

    /// Lines of the past that can be scrolled to.
    pub fn scrollback(&self) -> usize {
        self.parts.engine.scrollback()
    }

    /// How many lines ever scrolled into the past. A view that is to stay where it is while the
    /// guest writes goes as many lines further back as this grows.
    pub fn passed(&self) -> u64 {
        self.passed.saturating_add(self.parts.engine.passed())
    }

    /// How often the engine panicked and was replaced by an empty one.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The cells seen when scrolled back by `offset` lines (clamped), written into `screen` so
    /// that its allocations are used again.
    pub fn view(&self, offset: usize, screen: &mut Screen) {
        let drawn = guard(|| self.parts.engine.view(offset, screen));
        if drawn.is_none() {
            *screen = Screen::default();
        }
    }

    /// The number of the topmost row of the live screen, as [`Text`] counts.
    pub fn live_top(&self) -> i64 {
        i64::try_from(self.passed()).unwrap_or(i64::MAX / 2)
    }

    fn guarded(&mut self, work: impl FnOnce(&mut Parts)) {
        if guard(|| work(&mut self.parts)).is_none() {
            self.failures = self.failures.saturating_add(1);
            // All that was on the screen is past, and the past is gone.
            self.passed = self.passed() + u64::from(self.size.rows());
            self.parts = Parts::new(self.size, self.scrollback);
            self.parts.engine.advance(NOTICE);
        }
    }
}

impl Text for Terminal {
    fn rows(&self) -> Range<i64> {
        let past = i64::try_from(self.scrollback()).unwrap_or(0);
        self.live_top() - past..self.live_top() + i64::from(self.size.rows())
    }

    fn row(&self, number: i64, into: &mut String) -> bool {
        let Ok(line) = i32::try_from(number - self.live_top()) else {
            return false;
        };
        let length = into.len();
        guard(|| self.parts.engine.row(line, into)).unwrap_or_else(|| {
            into.truncate(length);
            false
        })
    }
}

impl Parts {
    fn new(size: Size, scrollback: usize) -> Self {
        Self {
            limit: Limit::default(),
            responder: Responder::default(),
            engine: Engine::new(size, scrollback),
        }
    }

    fn feed(&mut self, bytes: &[u8], replies: &mut Replies) {
        self.limit.pass(bytes, |mut run| {
            while !run.is_empty() {
                let (read, found) = self.responder.read(run);
                match found {
                    // A repetition of 65,535 characters is a few bytes: a guest could make its
                    // terminal draw without end. In place of its last byte CAN drops it.
                    Some(Found::Repeat(count)) if count > self.engine.size().columns() => {
                        self.engine.advance(&run[..read - 1]);
                        let line = self.engine.size().columns();
                        self.engine.advance(format!("\x18\x1b[{line}b").as_bytes());
                    }
                    Some(Found::SoftReset) => {
                        self.engine.advance(&run[..read]);
                        self.engine.soft_reset();
                    }
                    Some(Found::Query(query)) => {
                        self.engine.advance(&run[..read]);
                        replies.add(&query, &self.engine);
                    }
                    _ => self.engine.advance(&run[..read]),
                }
                run = &run[read..];
            }
        });
    }
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
pub(super) mod tests;

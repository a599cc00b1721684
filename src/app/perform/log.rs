//! Follows a VM's serial log as long as it is on the screen: what is kept of it first, then what
//! comes to it, a few times a second at most. It is read apart from the loop, a slice at a time.

use std::io;
use std::time::Duration;

use super::operations::{blocking, harmless as harmless_failure};
use super::watch::Changes;
use super::{Outbox, tell};
use crate::app::log::{Line, LogPart};
use crate::app::message::Message;
use crate::console::{Notable, Stripper};
use crate::fault::Failure;
use crate::fleet::Fleet;
use crate::shim::log::{Chunk, FILE_CAP, Reader, When, missing_mark};
use crate::vm::{VmName, VmPaths};

/// How much of a log is read at first, in bytes: all that is kept.
const MOST: u64 = 2 * FILE_CAP;
/// How much may come between two readings; of more, the end is read.
const MOST_AT_ONCE: u64 = 1 << 20;
/// How much is read before it is told, in bytes.
const SLICE: usize = 64 << 10;
/// How long a line may be, in characters.
const LONGEST: usize = 1000;
/// The least time between two readings.
const GAP: Duration = Duration::from_millis(200);

/// Tells the log now, and what came whenever it grew.
pub(super) async fn follow(fleet: Fleet, outbox: Outbox, name: VmName) {
    let paths = fleet.store.paths(&name);
    // Watched before it is read, so that nothing is missed in between.
    let mut changes = Changes::of_log(&paths.dir);
    let (store, of) = (fleet.store.clone(), name.clone());
    let marks = blocking(move || store.bookmarks(&of)).await;
    // Without them the log is read all the same.
    let marks = marks.and_then(Result::ok).unwrap_or_default();
    tell(&outbox, Message::Bookmarks(name.clone(), marks)).await;
    let mut tail = Tail::default();
    let mut is_first = true;
    loop {
        loop {
            let paths = paths.clone();
            let reading = tokio::task::spawn_blocking(move || {
                // A log that is not there has no lines.
                let part = tail.read(&paths).unwrap_or_default();
                (tail, part)
            });
            let Ok((read, part)) = reading.await else {
                return;
            };
            tail = read;
            let Some(mut part) = part.or_else(|| is_first.then(LogPart::default)) else {
                break;
            };
            part.is_first |= std::mem::take(&mut is_first);
            tell(&outbox, Message::Log(name.clone(), part)).await;
        }
        tokio::time::sleep(GAP).await;
        // Without a watch it is read once.
        let Ok(changes) = &mut changes else { return };
        if changes.next().await.is_none() {
            return;
        }
    }
}

/// Keeps that a line was marked by hand, or no longer is.
pub(super) async fn bookmark(
    fleet: Fleet,
    outbox: Outbox,
    name: VmName,
    offset: u64,
    marked: bool,
) {
    let kept = move || fleet.store.bookmark(&name, offset, marked);
    if let Some(Err(error)) = blocking(kept).await {
        let failure = harmless_failure(Failure::from(error));
        tell(&outbox, Message::Notice(failure)).await;
    }
}

/// How far a log was read.
#[derive(Default)]
struct Tail {
    /// The log as it was opened last, until all of that is read.
    reader: Option<Reader>,
    /// Offset of the next byte, once any was read.
    next: Option<u64>,
    stripper: Stripper,
    /// What came after the last newline.
    open: Line,
    /// When the last byte came.
    came: Option<When>,
}

impl Tail {
    /// Reads a slice of what was not read yet; `None` when that is nothing.
    fn read(&mut self, paths: &VmPaths) -> io::Result<Option<LogPart>> {
        let mut part = LogPart::default();
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.reopen(paths, &mut part)?,
        };
        let mut next = self.next.unwrap_or(0);
        let mut room = SLICE;
        while let Some(chunk) = reader.read(next, room)? {
            if chunk.offset > next {
                let text = missing_mark(chunk.offset - next);
                self.miss(next, text.trim().to_owned(), &mut part);
            }
            next = chunk.offset + chunk.bytes.len() as u64;
            room = room.saturating_sub(chunk.bytes.len());
            self.take(&chunk, reader.when(chunk.offset), &mut part);
            if room == 0 {
                self.reader = Some(reader);
                break;
            }
        }
        let moved = self.next.replace(next) != Some(next);
        part.is_all = self.reader.is_none();
        part.open.clone_from(&self.open);
        part.open.text = harmless(&self.open.text);
        Ok((moved || part.is_first || !part.lines.is_empty()).then_some(part))
    }

    /// Opens the log, and sees to it that what is not read of it is not too much.
    fn reopen(&mut self, paths: &VmPaths, part: &mut LogPart) -> io::Result<Reader> {
        let reader = Reader::open(paths)?;
        let (oldest, end) = (reader.oldest(), reader.end());
        match self.next {
            Some(next) if next <= end => {
                let from = end.saturating_sub(MOST_AT_ONCE);
                if next < from {
                    let text = format!("[{} bytes came too fast to be shown here]", from - next);
                    self.miss(next, text, part);
                    self.next = Some(from);
                }
            }
            // Another log, of another VM with the same name.
            other => {
                part.is_first = other.is_some();
                *self = Self::default();
                self.next = Some(oldest.max(end.saturating_sub(MOST)));
            }
        }
        Ok(reader)
    }

    /// A line stands where bytes are missing.
    fn miss(&mut self, offset: u64, text: String, part: &mut LogPart) {
        if !self.open.text.is_empty() {
            self.end_line(part);
        }
        part.lines.push(Line {
            text,
            offset,
            ..Line::default()
        });
        self.open = Line::default();
        self.came = None;
    }

    /// Takes in bytes that came at one time.
    fn take(&mut self, chunk: &Chunk, when: Option<When>, part: &mut LogPart) {
        self.note_silence(when, part);
        let mut offset = chunk.offset;
        for piece in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line began when the first of it that is seen came.
            if self.open.text.is_empty() {
                (self.open.offset, self.open.when) = (offset, when);
            }
            offset += piece.len() as u64;
            self.stripper.push(piece, &mut self.open.text);
            if self.open.text.ends_with('\n') {
                self.open.text.pop();
                self.end_line(part);
            } else if self.open.text.len() > 4 * LONGEST {
                // A line that never ends is kept as far as it is shown.
                self.open.text = harmless(&self.open.text);
            }
        }
    }

    fn end_line(&mut self, part: &mut LogPart) {
        let mut line = std::mem::take(&mut self.open);
        line.text = harmless(&line.text);
        line.notable = Notable::of(&line.text);
        part.lines.push(line);
    }

    /// Between two times of a boot nothing came. What came while nobody listened tells nothing.
    fn note_silence(&mut self, when: Option<When>, part: &mut LogPart) {
        let before = std::mem::replace(&mut self.came, when);
        let (Some(before), Some(when)) = (before, when) else {
            return;
        };
        if when.missed || when.boot != before.boot {
            return;
        }
        let silent = when.t_us.saturating_sub(before.t_us);
        let begins_in = if self.open.text.is_empty() {
            part.lines.last_mut().map(|line| &mut line.silent_us)
        } else {
            Some(&mut self.open.silent_us)
        };
        let longest = begins_in.unwrap_or(&mut part.silent_us);
        *longest = silent.max(*longest);
    }
}

fn harmless(line: &str) -> String {
    line.replace('\t', "    ").chars().take(LONGEST).collect()
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;

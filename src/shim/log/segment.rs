//! One file of the log, and where in it the bytes of the serial output stand.

use std::fs::File;
use std::io::{self, Write};

use super::index;

/// Bytes of a file that follow each other in the serial output too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Offset of its first byte.
    pub(super) offset: u64,
    /// Position of that byte in the file.
    pub(super) at: u64,
    pub(super) len: u64,
}

impl Run {
    pub(super) fn end(self) -> u64 {
        self.offset + self.len
    }
}

/// One file of the log. Between two runs stands a line for people that says what is missing there.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: File,
    /// Bytes in it.
    pub(super) len: u64,
    /// Never empty.
    pub(super) runs: Vec<Run>,
}

impl Segment {
    /// The file that begins at `base`, with the runs that the index noted of it.
    pub(super) fn new(file: File, base: u64, noted: &[index::Run]) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let first = index::Run {
            offset: base,
            at: 0,
            mark: 0,
        };
        let begins: Vec<_> = std::iter::once(&first).chain(noted).collect();
        let runs = begins
            .iter()
            .enumerate()
            .map(|(number, begin)| {
                let next = begins.get(number + 1);
                // A run that the disk refused after it was noted has no byte.
                let end = next.map_or(len, |next| next.at.saturating_sub(next.mark).min(len));
                Run {
                    offset: begin.offset,
                    at: begin.at,
                    len: end.saturating_sub(begin.at),
                }
            })
            .collect();
        Ok(Self { file, len, runs })
    }

    pub(super) fn base(&self) -> u64 {
        self.runs.first().map_or(0, |run| run.offset)
    }

    pub(super) fn end(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.end())
    }

    /// How many bytes are missing before `offset`, when what comes there does not simply go on.
    pub(super) fn missing_before(&self, offset: u64) -> Option<u64> {
        let goes_on = |run: &Run| run.end() == offset && run.at + run.len == self.len;
        if self.runs.last().is_some_and(goes_on) {
            return None;
        }
        let kept = self.runs.iter().rev().find(|run| run.len > 0);
        Some(offset.saturating_sub(kept.map_or(self.base(), |run| run.end())))
    }

    /// All or nothing: half a write would shift every later offset.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            let _ = self.file.set_len(self.len);
            return Err(error);
        }
        self.len += bytes.len() as u64;
        Ok(())
    }
}

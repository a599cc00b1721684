//! One boot's part of the log, put into an asciicast as far as it has come.

use std::io::{self, Write};

use super::cast::Cast;
use crate::console::Size;
use crate::shim::log::Reader;
use crate::vm::{BootPhase, BootPhases, VmPaths};

/// The most that goes into one event, in bytes.
const LONGEST: u64 = 16 * 1024;

/// Which part of the log a boot is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The boot's ordinal.
    pub(super) boot: u64,
    /// Offset where it begins.
    pub(super) from: u64,
    /// Offset where the next one does, when there is one.
    pub(super) to: Option<u64>,
}

/// A recording that is made.
pub(super) struct Tape<W> {
    cast: Cast<W>,
    part: Part,
    /// Offset of the next byte.
    at: u64,
    /// Phases that have their marker.
    marked: Vec<BootPhase>,
    was_missed: bool,
    holes: u64,
    is_over: bool,
}

impl<W: Write> Tape<W> {
    pub(super) fn begin(
        out: W,
        log: &Reader,
        part: Part,
        begun: i64,
        title: &str,
    ) -> io::Result<Self> {
        let first = part.from.max(log.oldest());
        let size = size_at(log, first).unwrap_or(Size::DEFAULT);
        Ok(Self {
            cast: Cast::begin(out, size, begun, title)?,
            at: part.from,
            part,
            marked: Vec::new(),
            was_missed: false,
            holes: 0,
            is_over: false,
        })
    }

    /// Takes what the log has by now; `phases` are those that came by now.
    pub(super) fn catch_up(&mut self, paths: &VmPaths, phases: &BootPhases) -> io::Result<()> {
        let log = Reader::open(paths)?;
        let to = self.part.to.unwrap_or(u64::MAX);
        while self.at < to && !self.is_over {
            let until = log.next_size(self.at).unwrap_or(to).min(to);
            let longest = usize::try_from((until - self.at).min(LONGEST)).unwrap_or(0);
            let Some(chunk) = log.read(self.at, longest)? else {
                break;
            };
            let when = chunk.when;
            // A boot that began meanwhile. Where no time was noted, neither is a boot.
            if chunk.offset >= to || (when.boot != 0 && u64::from(when.boot) != self.part.boot) {
                self.is_over = true;
                break;
            }
            self.mark_phases(phases, when.t_us)?;
            if chunk.offset > self.at {
                let missing = chunk.offset - self.at;
                let label = format!("{missing} bytes are missing");
                self.cast.tear(when.t_us, &label)?;
                self.holes += 1;
                // The size may be another one behind the hole: look anew from there.
                self.at = chunk.offset;
                continue;
            }
            if when.missed && !self.was_missed {
                let label = "nobody listened: this came by now";
                self.cast.mark(when.t_us, label)?;
            }
            self.was_missed = when.missed;
            if let Some(size) = size_at(&log, self.at).filter(|size| *size != self.cast.size()) {
                self.cast.resize(when.t_us, size)?;
            }
            self.cast.output(when.t_us, &chunk.bytes)?;
            self.at += chunk.bytes.len() as u64;
        }
        self.mark_phases(phases, u64::MAX)?;
        self.cast.flush()
    }

    /// Marks the phases that came by `t_us` µs after *spawned*.
    fn mark_phases(&mut self, phases: &BootPhases, t_us: u64) -> io::Result<()> {
        for (phase, offset_us) in phases.iter().filter(|(_, at)| *at <= t_us) {
            if !self.marked.contains(&phase) {
                self.marked.push(phase);
                self.cast.mark(offset_us, phase.word())?;
            }
        }
        Ok(())
    }

    /// Whether another boot began.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// How often bytes are missing.
    pub(super) fn holes(&self) -> u64 {
        self.holes
    }

    /// Ends the file and returns it with what was told.
    pub(super) fn end(mut self) -> io::Result<Cast<W>> {
        self.cast.end()?;
        Ok(self.cast)
    }
}

fn size_at(log: &Reader, offset: u64) -> Option<Size> {
    let (rows, columns) = log.size(offset)?;
    Some(Size::new(rows, columns))
}

#[cfg(test)]
#[path = "tape_tests.rs"]
mod tests;

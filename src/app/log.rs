//! The end of a VM's serial log, as harmless lines; perhaps only those that match a pattern.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::gutter::Side;
use crate::console::Notable;
use crate::console::reader::{Pattern, Text};
use crate::shim::log::When;

/// How many lines are kept: all of a log's, unless its lines are very short.
const KEPT: usize = 100_000;

/// A line, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its harmless text.
    pub text: String,
    /// Offset of its first byte in the serial output.
    pub offset: u64,
    /// When it began to come, if that was noted.
    pub when: Option<When>,
    /// The longest silence that began in it or right after it, in µs.
    pub silent_us: u64,
    /// What it tells of, if it matters by itself.
    pub notable: Option<Notable>,
}

/// What came to a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPart {
    /// Whether it is the first one, so that what was known is to be forgotten.
    pub is_first: bool,
    /// Whether this is all that there is by now.
    pub is_all: bool,
    /// How long it was silent before, in µs.
    pub silent_us: u64,
    /// Lines that ended.
    pub lines: Vec<Line>,
    /// The line that did not end yet.
    pub open: Line,
}

/// The lines, oldest first. A line keeps its number as long as it is kept.
#[derive(Clone, Debug, Default)]
pub struct Log {
    first: i64,
    lines: VecDeque<Line>,
    open: Line,
    /// Offsets that somebody marked.
    bookmarks: BTreeSet<u64>,
    filter: Option<Pattern>,
    /// The numbers of the lines that pass the filter, and how many of those are no longer kept.
    passing: VecDeque<i64>,
    passed: i64,
}

impl Log {
    /// Forgets all lines.
    pub fn clear(&mut self) {
        *self = Self {
            filter: self.filter.take(),
            bookmarks: std::mem::take(&mut self.bookmarks),
            ..Self::default()
        };
    }

    /// Takes in what came; returns by how many rows it grew.
    pub fn extend(&mut self, part: LogPart) -> usize {
        if part.is_first {
            self.clear();
        }
        let before = self.rows().end;
        if let Some(last) = self.lines.back_mut() {
            last.silent_us = last.silent_us.max(part.silent_us);
        }
        for line in part.lines {
            if self.lines.len() == KEPT {
                self.lines.pop_front();
                self.first += 1;
                if self.passing.front().is_some_and(|row| *row < self.first) {
                    self.passing.pop_front();
                    self.passed += 1;
                }
            }
            let number = self.first + length(&self.lines);
            if self.passes(&line.text) {
                self.passing.push_back(number);
            }
            self.lines.push_back(line);
        }
        self.open = part.open;
        usize::try_from(self.rows().end - before).unwrap_or(0)
    }

    /// The pattern that lines must match to be shown.
    pub fn filter(&self) -> Option<&Pattern> {
        self.filter.as_ref()
    }

    /// Shows only lines that match, or all.
    pub fn set_filter(&mut self, filter: Option<Pattern>) {
        self.filter = filter;
        self.passed = 0;
        let numbered = (self.first..).zip(&self.lines);
        let passing = numbered.filter(|(_, line)| self.passes(&line.text));
        self.passing = passing.map(|(number, _)| number).collect();
    }

    fn passes(&self, line: &str) -> bool {
        self.filter
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(line))
    }

    /// Whether there is any line, shown or not.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.open.text.is_empty()
    }

    /// How many rows are shown.
    pub fn shown(&self) -> usize {
        let rows = self.rows();
        usize::try_from(rows.end - rows.start).unwrap_or(0)
    }

    /// The line of a row.
    pub fn line(&self, row: i64) -> Option<&Line> {
        let rows = self.rows();
        if !rows.contains(&row) {
            return None;
        }
        let kept = self.number(row).and_then(|number| {
            let index = usize::try_from(number - self.first).ok()?;
            self.lines.get(index)
        });
        Some(kept.unwrap_or(&self.open))
    }

    /// The number of the line in that row.
    fn number(&self, row: i64) -> Option<i64> {
        if self.filter.is_none() {
            return Some(row);
        }
        let index = usize::try_from(row - self.passed).ok()?;
        self.passing.get(index).copied()
    }
}

impl Log {
    /// What stands beside a row.
    pub fn side(&self, row: i64) -> Side {
        let Some(line) = self.line(row) else {
            return Side::default();
        };
        Side {
            when: line.when,
            silent_us: line.silent_us,
            mark: self
                .bookmark(row)
                .map(|_| "bookmark")
                .or(line.notable.map(Notable::word)),
        }
    }

    /// Takes the marks that somebody made.
    pub fn set_bookmarks(&mut self, offsets: BTreeSet<u64>) {
        self.bookmarks = offsets;
    }

    /// The offset of the mark in the line of that row.
    fn bookmark(&self, row: i64) -> Option<u64> {
        let begin = self.line(row)?.offset;
        let number = self.number(row)?;
        let next = usize::try_from(number - self.first + 1).ok()?;
        let next = self.lines.get(next).unwrap_or(&self.open).offset;
        // Nothing follows the line that did not end yet.
        let mut within = self.bookmarks.range(begin..next.max(begin + 1));
        within.next().copied()
    }

    /// Marks the line of that row, or no longer; returns the offset, and which of both.
    pub fn toggle(&mut self, row: i64) -> Option<(u64, bool)> {
        if let Some(offset) = self.bookmark(row) {
            self.bookmarks.remove(&offset);
            return Some((offset, false));
        }
        let offset = self.line(row)?.offset;
        self.bookmarks.insert(offset);
        Some((offset, true))
    }

    /// The row that came at that moment, as far as the log was read, and whether a later one came so
    /// that no better row is to come.
    pub fn seek(&self, moment: Moment) -> (Option<i64>, bool) {
        let mut last = None;
        let mut worded = None;
        let rows = (self.first..).zip(&self.lines);
        for (row, line) in rows {
            let Some(when) = line.when else { continue };
            if (when.boot, when.t_us) > (moment.boot, moment.t_us) {
                // Before its first line a boot has nothing to show but that.
                let first = (when.boot == moment.boot).then_some(row);
                return (worded.or(last).or(first), true);
            }
            if when.boot == moment.boot {
                last = Some(row);
                if moment.words.is_some_and(|words| line.text.contains(words)) {
                    worded = Some(row);
                }
            }
        }
        (worded.or(last), false)
    }
}

/// A moment of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Ordinal of the boot.
    pub boot: u32,
    /// µs since its *spawned*.
    pub t_us: u64,
    /// Words in the line that came then.
    pub words: Option<&'static str>,
}

impl Text for Log {
    fn rows(&self) -> Range<i64> {
        let (start, count, open) = if self.filter.is_some() {
            let open = !self.open.text.is_empty() && self.passes(&self.open.text);
            (self.passed, length(&self.passing), open)
        } else {
            (self.first, length(&self.lines), !self.open.text.is_empty())
        };
        start..start + count + i64::from(open)
    }

    fn is_marked(&self, number: i64) -> bool {
        self.side(number).mark.is_some()
    }

    fn row(&self, number: i64, into: &mut String) -> bool {
        let text = self.line(number).map_or("", |line| line.text.as_str());
        into.push_str(text.trim_end_matches(' '));
        false
    }
}

fn length<T>(rows: &VecDeque<T>) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture::line;

    fn part(lines: impl Iterator<Item = usize>, open: &str) -> LogPart {
        LogPart {
            lines: lines.map(|n| line(&format!("line {n}"))).collect(),
            open: line(open),
            ..LogPart::default()
        }
    }

    fn text(log: &Log, row: i64) -> Option<&str> {
        log.line(row).map(|line| line.text.as_str())
    }

    #[test]
    fn lines_keep_their_numbers_when_the_oldest_go() {
        let mut log = Log::default();
        assert_eq!(log.extend(part(0..3, "lo")), 4);
        assert_eq!((text(&log, 3), text(&log, 4)), (Some("lo"), None));
        assert_eq!(log.extend(part(3..KEPT + 5, "")), KEPT + 1);
        assert_eq!(log.rows(), 5..5 + length(&log.lines));
        assert_eq!((text(&log, 5), text(&log, 4)), (Some("line 5"), None));
        log.extend(LogPart {
            is_first: true,
            ..part(0..1, "")
        });
        assert_eq!(log.rows(), 0..1);
    }

    #[test]
    fn a_filter_shows_only_what_matches_and_goes_on_with_what_comes() {
        let mut log = Log::default();
        log.extend(part(0..100, "line 7"));
        log.set_filter(Some(Pattern::new("7$").unwrap()));
        assert_eq!((log.shown(), text(&log, 1)), (11, Some("line 17")));
        assert_eq!(text(&log, 10), Some("line 7"));
        assert_eq!(log.extend(part(100..110, "")), 0);
        assert_eq!(text(&log, 10), Some("line 107"));
        log.extend(part(110..KEPT + 20, ""));
        assert_eq!((log.rows().start, text(&log, 2)), (2, Some("line 27")));
        log.set_filter(None);
        assert_eq!(log.shown(), KEPT);
    }
}

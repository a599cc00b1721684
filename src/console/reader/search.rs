//! Searching, in slices so that keys are answered in between.

use super::line::{self, Line};
use super::{Pattern, Place, Reader, Span, Text};

/// Rows that are searched before others get their turn.
const SLICE: i64 = 500;
/// Marks on one screen beyond which a pattern says nothing any more.
const MOST_MARKS: usize = 2000;

/// How the last search went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// Nothing was searched.
    #[default]
    Idle,
    /// It goes on: the next row to look at, how many rows are left, and in which direction.
    Under {
        /// The row where the next slice begins; backwards, the row after it.
        next: i64,
        /// Rows that were not looked at.
        left: i64,
        /// Towards the top.
        back: bool,
    },
    /// The cursor is on a match.
    Found,
    /// There is no match.
    Missed,
}

impl Reader {
    /// Begins to search from the cursor on, around the end of the text if need be.
    pub(super) fn find(&mut self, text: &impl Text, against: bool) {
        let Some(pattern) = self.pattern.clone() else {
            return;
        };
        let back = self.back != against;
        let line = Line::at(text, self.cursor.row);
        let here = line.byte(self.cursor);
        let mut matches = pattern.matches(&line.text);
        let found = if back {
            matches.take_while(|found| found.start < here).last()
        } else {
            matches.find(|found| found.start > here)
        };
        if let Some(found) = found {
            self.go_to(line.place(found.start));
            return;
        }
        let rows = text.rows();
        self.search = Search::Under {
            next: if back { line.first } else { line.end() },
            // The line where it began is looked at once more, for matches on its other side.
            left: rows.end - rows.start + line.rows(),
            back,
        };
        self.go_on(text);
    }

    fn go_to(&mut self, place: Place) {
        // A match out of view is shown in the middle, with what stands around it.
        if place.row < self.top || place.row >= self.top + self.height {
            self.top = place.row - self.height / 2;
        }
        self.cursor = place;
        self.column = place.column;
        self.search = Search::Found;
    }

    pub(super) fn go_on(&mut self, text: &impl Text) {
        let (Some(pattern), Search::Under { next, left, back }) =
            (self.pattern.clone(), self.search)
        else {
            return;
        };
        let rows = text.rows();
        let (mut next, mut left, mut slice) = (next.clamp(rows.start, rows.end), left, SLICE);
        while left > 0 && slice > 0 {
            let line = if back {
                let end = if next <= rows.start { rows.end } else { next };
                Line::before(text, end)
            } else {
                Line::from(text, if next >= rows.end { rows.start } else { next })
            };
            let mut matches = pattern.matches(&line.text);
            let found = if back { matches.last() } else { matches.next() };
            if let Some(found) = found {
                self.go_to(line.place(found.start));
                return;
            }
            next = if back { line.first } else { line.end() };
            left -= line.rows();
            slice -= line.rows();
        }
        self.search = if left > 0 {
            Search::Under { next, left, back }
        } else {
            Search::Missed
        };
    }
}

/// Where the pattern matches in those rows.
pub(super) fn found(text: &impl Text, pattern: &Pattern, top: i64, height: i64) -> Vec<Span> {
    let mut spans = Vec::new();
    let end = (top + height).min(text.rows().end);
    let mut next = line::first_row(text, top, line::MOST_ROWS);
    while next < end {
        let line = Line::from(text, next);
        next = line.end();
        let room = MOST_MARKS.saturating_sub(spans.len());
        for found in pattern.matches(&line.text).take(room) {
            line.spans(found, top..end, &mut spans);
        }
    }
    spans
}

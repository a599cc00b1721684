//! Reading what a guest wrote: a cursor over text that grows, search, selection, what is copied.
//!
//! Pure: the same for a terminal with its past and for a log. A row keeps its number as long as it
//! exists, so a view stays on the lines that are read, whatever comes below.

mod line;
mod motion;
mod pattern;

use std::ops::Range;

use line::Line;
pub use motion::Motion;
pub use pattern::{LONGEST_PATTERN, Pattern, PatternError};

/// Rows that are searched before others get their turn.
const SLICE: i64 = 1000;
/// Marks on one screen beyond which a pattern says nothing any more.
const MOST_MARKS: usize = 2000;

/// Rows of text that can be read.
pub trait Text {
    /// The numbers of the rows that there are.
    fn rows(&self) -> Range<i64>;
    /// Appends the text of that row, blanks at its end cut; returns whether the next row continues
    /// its line. The columns of the row are the widths of its characters.
    fn row(&self, number: i64, into: &mut String) -> bool;
}

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the row.
    pub row: i64,
    /// The column, from 0.
    pub column: usize,
}

/// What is selected between two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From the one to the other, both included.
    Cells,
    /// The whole lines.
    Lines,
}

/// Columns of a row of the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The row, from the top of the view.
    pub row: u16,
    /// Its columns.
    pub columns: Range<u16>,
}

/// What is to be marked in the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Row and column of the cursor.
    pub cursor: Option<(u16, u16)>,
    /// What is selected.
    pub selected: Vec<Span>,
    /// What the pattern matches.
    pub found: Vec<Span>,
}

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

/// Something that a reader does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Moves the cursor.
    Move(Motion),
    /// Scrolls the view by so many rows down; the cursor stays in view.
    Scroll(i64),
    /// Begins a selection at the cursor, gives it another kind, or ends it.
    Select(Kind),
    /// Goes to a place in the view; what lies between it and the one before is selected.
    Drag {
        /// Row of the view where the button went down, and its column.
        from: (u16, u16),
        /// Where the pointer is; a row outside of the view scrolls.
        to: (i32, u16),
    },
    /// Marks what the pattern matches.
    Mark(Option<Pattern>),
    /// Goes to the next match, against the direction of the pattern if `against`.
    Find {
        /// In the other direction.
        against: bool,
    },
    /// Goes on with a search that is under way.
    GoOn,
}

/// A reader of some text.
#[derive(Clone, Debug)]
pub struct Reader {
    top: i64,
    height: i64,
    cursor: Place,
    /// The column that the cursor would have in longer rows.
    column: usize,
    anchor: Option<(Place, Kind)>,
    pattern: Option<Pattern>,
    back: bool,
    search: Search,
    /// Rows that there were when the reading began.
    end: i64,
    /// Where a drag began.
    dragged: Option<Place>,
}

impl Reader {
    /// A reader whose view of `height` rows begins at the row `top`, with the cursor at a place.
    pub fn new(text: &impl Text, top: i64, height: u16, cursor: Place) -> Self {
        let mut reader = Self {
            top,
            height: i64::from(height.max(1)),
            cursor,
            column: cursor.column,
            anchor: None,
            pattern: None,
            back: false,
            search: Search::Idle,
            end: text.rows().end,
            dragged: None,
        };
        reader.settle(text);
        reader
    }

    /// The topmost row of the view.
    pub fn top(&self) -> i64 {
        self.top
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> Place {
        self.cursor
    }

    /// How many rows came since the reading began.
    pub fn new_rows(&self, text: &impl Text) -> u64 {
        u64::try_from(text.rows().end - self.end).unwrap_or(0)
    }

    /// How the last search went.
    pub fn search(&self) -> Search {
        self.search
    }

    /// The pattern, and whether it is searched backwards.
    pub fn pattern(&self) -> (Option<&Pattern>, bool) {
        (self.pattern.as_ref(), self.back)
    }

    /// Sets the direction of searching.
    pub fn face(&mut self, back: bool) {
        self.back = back;
    }

    /// What is selected.
    pub fn selection(&self) -> Option<Kind> {
        self.anchor.map(|(_, kind)| kind)
    }

    /// Selects nothing; returns whether anything was.
    pub fn clear(&mut self) -> bool {
        self.dragged = None;
        self.anchor.take().is_some()
    }

    /// Gives the view another height.
    pub fn resize(&mut self, text: &impl Text, height: u16) {
        self.height = i64::from(height.max(1));
        self.settle(text);
    }

    /// Does a step.
    pub fn take(&mut self, text: &impl Text, step: Step) {
        match step {
            Step::Move(motion) => {
                self.cursor = motion::target(self, text, motion);
                if !motion.keeps_column() {
                    self.column = self.cursor.column;
                }
                if let Motion::Rows(rows) = motion
                    && rows.unsigned_abs() > 1
                {
                    self.top += rows;
                }
            }
            Step::Scroll(rows) => {
                self.top += rows;
                self.keep_view(text);
                let last = self.top + self.height - 1;
                self.cursor.row = self.cursor.row.clamp(self.top, last);
            }
            Step::Select(kind) => {
                self.anchor = match self.anchor {
                    Some((_, old)) if old == kind => None,
                    Some((anchor, _)) => Some((anchor, kind)),
                    None => Some((self.cursor, kind)),
                };
            }
            Step::Drag { from, to } => self.drag(from, to),
            Step::Mark(pattern) => self.pattern = pattern,
            Step::Find { against } => self.find(text, against),
            Step::GoOn => self.go_on(text),
        }
        self.settle(text);
    }

    fn drag(&mut self, from: (u16, u16), (row, column): (i32, u16)) {
        let top = self.top;
        let begin = *self.dragged.get_or_insert(Place {
            row: top + i64::from(from.0),
            column: from.1.into(),
        });
        let row = i64::from(row).clamp(-1, self.height);
        if row < 0 || row == self.height {
            self.top += if row < 0 { -1 } else { 1 };
        }
        self.cursor = Place {
            row: top + row,
            column: column.into(),
        };
        self.column = self.cursor.column;
        let kind = self.selection().unwrap_or(Kind::Cells);
        self.anchor = Some((begin, kind));
    }

    fn keep_view(&mut self, text: &impl Text) {
        let rows = text.rows();
        let lowest = (rows.end - self.height).max(rows.start);
        self.top = self.top.clamp(rows.start, lowest);
    }

    /// Puts right what the text or a step left wrong: rows that are gone, a cursor out of view.
    pub fn settle(&mut self, text: &impl Text) {
        let rows = text.rows();
        let last = (rows.end - 1).max(rows.start);
        self.cursor.row = self.cursor.row.clamp(rows.start, last);
        let mut row = String::new();
        text.row(self.cursor.row, &mut row);
        self.cursor.column = line::snap(&row, self.column);
        let cursor = self.cursor.row;
        self.top = self.top.clamp(cursor - self.height + 1, cursor);
        self.keep_view(text);
        if let Some((anchor, _)) = &mut self.anchor {
            anchor.row = anchor.row.clamp(rows.start, last);
        }
    }

    /// Begins to search from the cursor on, around the end of the text if need be.
    fn find(&mut self, text: &impl Text, against: bool) {
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

    fn go_on(&mut self, text: &impl Text) {
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

    /// What is to be marked in the view.
    pub fn marks(&self, text: &impl Text) -> Marks {
        let cell = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
        let column = u16::try_from(self.cursor.column).unwrap_or(u16::MAX);
        Marks {
            cursor: Some((cell(self.cursor.row - self.top), column)),
            selected: self.selected(text),
            found: self
                .pattern
                .as_ref()
                .map(|pattern| found(text, pattern, self.top, self.height))
                .unwrap_or_default(),
        }
    }

    /// The two ends of the selection, in order; of lines from the first column of the first row on.
    fn ends(&self, text: &impl Text) -> Option<(Place, Place)> {
        let (anchor, kind) = self.anchor?;
        let (begin, end) = (anchor.min(self.cursor), anchor.max(self.cursor));
        Some(match kind {
            Kind::Cells => (begin, end),
            Kind::Lines => {
                let first = line::first_row(text, begin.row, i64::MAX);
                let last = line::last_row(text, end.row, i64::MAX);
                let place = |row, column| Place { row, column };
                (place(first, 0), place(last, usize::MAX))
            }
        })
    }

    fn selected(&self, text: &impl Text) -> Vec<Span> {
        let Some((begin, end)) = self.ends(text) else {
            return Vec::new();
        };
        let mut spans = Vec::new();
        let mut row = String::new();
        for number in begin.row.max(self.top)..=end.row.min(self.top + self.height - 1) {
            row.clear();
            text.row(number, &mut row);
            let columns = line::columns(&row, number, begin, end);
            // An empty row of the selection is seen too.
            let last = columns.end.max(columns.start + 1);
            let cell = |column: usize| u16::try_from(column).unwrap_or(u16::MAX);
            spans.push(Span {
                row: u16::try_from(number - self.top).unwrap_or(u16::MAX),
                columns: cell(columns.start)..cell(last),
            });
        }
        spans
    }

    /// The selected text, or without a selection the line of the cursor: rows of one line joined,
    /// no blanks at the end of lines. `None` when it is longer than `most` bytes.
    pub fn copied(&self, text: &impl Text, most: usize) -> Option<String> {
        let (begin, end) = match self.ends(text) {
            Some(ends) => ends,
            None => Self {
                anchor: Some((self.cursor, Kind::Lines)),
                ..self.clone()
            }
            .ends(text)?,
        };
        let mut copied = String::new();
        let mut row = String::new();
        for number in begin.row..=end.row {
            row.clear();
            let wraps = text.row(number, &mut row);
            copied.push_str(line::cut(&row, number, begin, end));
            if !wraps {
                let length = copied.trim_end_matches(' ').len();
                copied.truncate(length);
                if number < end.row || end.column == usize::MAX {
                    copied.push('\n');
                }
            }
            if copied.len() > most {
                return None;
            }
        }
        Some(copied)
    }
}

/// Where the pattern matches in those rows.
fn found(text: &impl Text, pattern: &Pattern, top: i64, height: i64) -> Vec<Span> {
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

#[cfg(test)]
#[path = "../reader_tests.rs"]
mod tests;

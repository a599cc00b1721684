//! Reading what a guest wrote: a cursor over text that grows, search, selection, what is copied.
//!
//! Pure: the same for a terminal with its past and for a log. A row keeps its number as long as it
//! exists, so a view stays on the lines that are read, whatever comes below.

mod line;
mod motion;
mod pattern;
mod search;
mod selection;

use std::ops::Range;

use super::Notable;

pub use motion::Motion;
pub use pattern::{LONGEST_PATTERN, Pattern, PatternError};
pub use search::Search;

/// Rows of text that can be read.
pub trait Text {
    /// The numbers of the rows that there are.
    fn rows(&self) -> Range<i64>;
    /// Appends the text of that row, blanks at its end cut; returns whether the next row continues
    /// its line. The columns of the row are the widths of its characters.
    fn row(&self, number: i64, into: &mut String) -> bool;
    /// Whether that row is marked: because somebody did, or because it matters by itself.
    fn is_marked(&self, number: i64) -> bool {
        let mut text = String::new();
        self.row(number, &mut text);
        Notable::of(&text).is_some()
    }
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
    /// A reader whose view of `height` rows begins at the row `top`, with the cursor at a place;
    /// `end` is the row after the last one that there is.
    pub fn new(top: i64, height: u16, cursor: Place, end: i64) -> Self {
        Self {
            top,
            height: i64::from(height.max(1)),
            cursor,
            column: cursor.column,
            anchor: None,
            pattern: None,
            back: false,
            search: Search::Idle,
            end,
            dragged: None,
        }
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

    /// Whether it selects with the mouse.
    pub fn is_dragged(&self) -> bool {
        self.dragged.is_some()
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
                .map(|pattern| search::found(text, pattern, self.top, self.height))
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
#[path = "../reader_tests.rs"]
mod tests;

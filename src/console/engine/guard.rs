//! What stands between the parser and the engine's screen.

use std::ops::Range;

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::{self, Dimensions};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Term, TermMode};
use alacritty_terminal::vte::ansi;
use alacritty_terminal::vte::ansi::{CharsetIndex, Handler, NamedPrivateMode};

use super::asked::Asked;
use crate::console::Size;

mod handler;

/// The most combining characters that one cell bears.
const MOST_COMBINING: usize = 4;

/// Lets through to the screen what draws on it, and nothing else; what the engine does otherwise
/// than xterm is done here.
///
/// Titles are kept here; clipboard, hyperlinks, palette changes and every
/// report are dropped (the replies are [`crate::console::respond`]'s); what is invisible or reorders
/// text never reaches a cell; combining characters are bounded.
pub(super) struct Guard {
    pub(super) term: Term<VoidListener>,
    title: Option<String>,
    pub(super) asked: Asked,
    /// The scrolling region, DECSTBM.
    margins: Range<usize>,
    charset: CharsetIndex,
    /// What DECSC saves and the engine does not, for the main and the alternate screen.
    saved: [Saved; 2],
    /// A wide character was ever written: before, none can be torn.
    has_wide: bool,
}

#[derive(Clone, Copy, Default)]
struct Saved {
    origin: bool,
    charset: CharsetIndex,
}

impl Guard {
    pub(super) fn new(term: Term<VoidListener>) -> Self {
        let margins = 0..term.screen_lines();
        Self {
            term,
            title: None,
            asked: Asked::default(),
            margins,
            charset: CharsetIndex::default(),
            saved: [Saved::default(); 2],
            has_wide: false,
        }
    }

    /// The title that the guest set.
    pub(super) fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    pub(super) fn resize(&mut self, size: Size) {
        if (self.term.screen_lines(), self.term.columns())
            != (size.screen_lines(), Dimensions::columns(&size))
        {
            self.term.resize(size);
            self.margins = 0..self.term.screen_lines();
        }
    }

    /// As xterm has it: nothing on the screen changes, and the cursor stays.
    pub(super) fn soft_reset(&mut self) {
        let (row, column) = self.position();
        for mode in [NamedPrivateMode::Origin, NamedPrivateMode::CursorKeys] {
            self.term.unset_private_mode(mode.into());
        }
        for mode in [NamedPrivateMode::ShowCursor, NamedPrivateMode::LineWrap] {
            self.term.set_private_mode(mode.into());
        }
        self.term.unset_mode(ansi::NamedMode::Insert.into());
        self.unset_keypad_application_mode();
        self.term.set_cursor_style(None);
        self.set_active_charset(CharsetIndex::G0);
        self.set_scrolling_region(1, None);
        let grid = self.term.grid_mut();
        grid.cursor = grid::Cursor::default();
        grid.saved_cursor = grid::Cursor::default();
        *self.saved() = Saved::default();
        self.place(row, column);
    }

    fn cursor(&mut self) -> &mut grid::Cursor<Cell> {
        &mut self.term.grid_mut().cursor
    }

    fn is_alternate(&self) -> bool {
        self.term.mode().contains(TermMode::ALT_SCREEN)
    }

    fn saved(&mut self) -> &mut Saved {
        &mut self.saved[usize::from(self.is_alternate())]
    }

    /// Row and column of the cursor, from 0.
    fn position(&self) -> (usize, usize) {
        let point = self.term.grid().cursor.point;
        (usize::try_from(point.line.0).unwrap_or(0), point.column.0)
    }

    /// Puts the cursor there, or as near as the screen reaches.
    fn place(&mut self, row: usize, column: usize) {
        let row = row.min(self.term.screen_lines() - 1);
        let column = column.min(self.term.columns() - 1);
        let cursor = self.cursor();
        cursor.point = Point::new(Line(i32::try_from(row).unwrap_or(0)), Column(column));
        cursor.input_needs_wrap = false;
    }

    /// The row that is so many below the first one, which in origin mode is that of the margins.
    fn addressed(&self, row: usize) -> usize {
        if self.term.mode().contains(TermMode::ORIGIN) {
            (self.margins.start + row).min(self.margins.end - 1)
        } else {
            row
        }
    }

    /// The number of a row as the guest addresses it.
    pub(super) fn reported(&self, row: usize) -> usize {
        if self.term.mode().contains(TermMode::ORIGIN) {
            row.saturating_sub(self.margins.start)
        } else {
            row
        }
    }

    /// The row so many further up: who is inside the margins stays there.
    fn above(&self, rows: usize) -> usize {
        let (row, _) = self.position();
        let first = if row < self.margins.start {
            0
        } else {
            self.margins.start
        };
        row.saturating_sub(rows).max(first)
    }

    fn below(&self, rows: usize) -> usize {
        let (row, _) = self.position();
        let end = if row < self.margins.end {
            self.margins.end
        } else {
            self.term.screen_lines()
        };
        row.saturating_add(rows).min(end - 1)
    }

    /// Whether there is a cell that a combining character would join, with room for it.
    fn may_combine(&self) -> bool {
        let grid = self.term.grid();
        let row = &grid[grid.cursor.point.line];
        let mut column = grid.cursor.point.column.0;
        if !grid.cursor.input_needs_wrap {
            let Some(before) = column.checked_sub(1) else {
                return false;
            };
            column = before;
        }
        if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.saturating_sub(1);
        }
        row[Column(column)]
            .zerowidth()
            .is_none_or(|combining| combining.len() < MOST_COMBINING)
    }

    /// Where the next character of that width is written: row, first column, and the one behind it.
    fn target(&self, width: usize) -> (usize, Range<usize>) {
        let (row, column) = self.position();
        let (lines, columns) = (self.term.screen_lines(), self.term.columns());
        let wraps = self.term.mode().contains(TermMode::LINE_WRAP)
            && (self.term.grid().cursor.input_needs_wrap || column + width > columns);
        match wraps {
            false => (row, column..column + width),
            // The row that scrolls in is blank.
            true if row + 1 == self.margins.end => (row, columns..columns),
            true => ((row + 1).min(lines - 1), 0..width),
        }
    }

    /// Before something ends between the halves of a wide character, both become blanks in the style
    /// of what comes, as in xterm.
    fn part(&mut self, row: usize, columns: [usize; 2], blank: &Cell) {
        let line = Line(i32::try_from(row).unwrap_or(0));
        let cells = &mut self.term.grid_mut()[line][..];
        for column in columns {
            if let Some([first, second]) = column
                .checked_sub(1)
                .and_then(|before| cells.get_mut(before..=column))
                && first.flags.contains(Flags::WIDE_CHAR)
                && second.flags.contains(Flags::WIDE_CHAR_SPACER)
            {
                first.clone_from(blank);
                second.clone_from(blank);
            }
        }
    }

    /// The same before these columns of the cursor's row are erased or moved, after which nothing waits
    /// behind the last column any more.
    fn edit(&mut self, columns: [usize; 2]) {
        self.cursor().input_needs_wrap = false;
        if self.has_wide {
            let blank = self.cursor().template.bg.into();
            let (row, _) = self.position();
            self.part(row, columns, &blank);
        }
    }

    fn write(&mut self, c: char, width: usize) {
        if self.has_wide {
            let blank = self.cursor().template.clone();
            let (row, columns) = self.target(width);
            self.part(row, [columns.start, columns.end], &blank);
        }
        self.has_wide |= width > 1;
        self.term.input(c);
    }

    /// Lines are inserted and deleted from the begin of a row on, and only inside the margins.
    fn begin_row(&mut self) {
        let (row, _) = self.position();
        if self.margins.contains(&row) {
            self.place(row, 0);
        }
    }

    fn enter_alternate(&mut self) {
        self.term
            .set_private_mode(NamedPrivateMode::SwapScreenAndSetRestoreCursor.into());
    }

    fn leave_alternate(&mut self) {
        self.term
            .unset_private_mode(NamedPrivateMode::SwapScreenAndSetRestoreCursor.into());
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

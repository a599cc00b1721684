//! The engine, `alacritty_terminal`, and the guard that stands between it and the guest.

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::{Config, Term, TermMode};
use alacritty_terminal::vte::ansi;
use alacritty_terminal::vte::ansi::Processor;

use self::guard::Guard;
use super::{Cursor, CursorShape, Modes, Screen, Size};

mod asked;
mod guard;
mod rows;

/// A screen with its parser, for bytes in which no command is endless (see [`super::limit`]) and no
/// repetition is longer than a line (see [`super::respond`]).
pub(super) struct Engine {
    parser: Processor<AtOnce>,
    guard: Guard,
    /// Lines that ever scrolled into the past, and how many of them are still there.
    passed: u64,
    past: usize,
}

/// A synchronized update (mode 2026) that takes effect at once: what is never held back cannot be
/// held back forever.
#[derive(Default)]
struct AtOnce;

impl ansi::Timeout for AtOnce {
    fn set_timeout(&mut self, _duration: std::time::Duration) {}

    fn clear_timeout(&mut self) {}

    fn pending_timeout(&self) -> bool {
        false
    }
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        self.rows().into()
    }

    fn columns(&self) -> usize {
        Size::columns(*self).into()
    }
}

impl Engine {
    pub(super) fn new(size: Size, scrollback: usize) -> Self {
        let config = Config {
            scrolling_history: scrollback,
            kitty_keyboard: true,
            ..Config::default()
        };
        Self {
            parser: Processor::new(),
            guard: Guard::new(Term::new(config, &size, VoidListener)),
            passed: 0,
            past: 0,
        }
    }

    pub(super) fn advance(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.guard, bytes);
        self.count();
    }

    /// DECSTR: modes, margins, style and character sets as at the beginning; the screen stays.
    pub(super) fn soft_reset(&mut self) {
        self.guard.soft_reset();
    }

    /// Counts the lines that scrolled into the past. When the past is full its size tells nothing
    /// any more, but the engine moves a view that is scrolled back along with the text: nobody else
    /// uses that view, so a step back of one line makes it a counter.
    fn count(&mut self) {
        // The alternate screen has no past, and the other one does not move meanwhile.
        if self.guard.term.mode().contains(TermMode::ALT_SCREEN) {
            return;
        }
        let past = self.scrollback();
        let passed = match self.guard.term.grid().display_offset() {
            0 => past.saturating_sub(self.past),
            offset => offset - 1,
        };
        self.passed = self.passed.saturating_add(passed as u64);
        self.arm();
    }

    fn arm(&mut self) {
        self.past = self.scrollback();
        let grid = self.guard.term.grid_mut();
        grid.scroll_display(Scroll::Bottom);
        grid.scroll_display(Scroll::Delta(1));
    }

    pub(super) fn size(&self) -> Size {
        let extent = |cells: usize| u16::try_from(cells).unwrap_or(u16::MAX);
        Size::new(
            extent(self.guard.term.screen_lines()),
            extent(self.guard.term.columns()),
        )
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.guard.resize(size);
        // Lines were broken anew.
        if !self.guard.term.mode().contains(TermMode::ALT_SCREEN) {
            self.arm();
        }
    }

    pub(super) fn title(&self) -> Option<&str> {
        self.guard.title()
    }

    pub(super) fn scrollback(&self) -> usize {
        self.guard.term.history_size()
    }

    /// How many lines ever scrolled into the past: with it a line keeps its number.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Appends the text of a row, from `-scrollback`, blanks at its end cut; returns whether the
    /// next row continues its line. A row that is not there has no text.
    pub(super) fn row(&self, line: i32, text: &mut String) -> bool {
        let term = &self.guard.term;
        if line < -i32::try_from(self.scrollback()).unwrap_or(i32::MAX)
            || usize::try_from(line).is_ok_and(|line| line >= term.screen_lines())
        {
            return false;
        }
        rows::text(&term.grid()[Line(line)][..], text)
    }

    /// Row and column of the cursor, from 0.
    pub(super) fn cursor(&self) -> (usize, usize) {
        let point = self.guard.term.grid().cursor.point;
        (usize::try_from(point.line.0).unwrap_or(0), point.column.0)
    }

    /// The same as CPR tells it: in origin mode rows count from the margin.
    pub(super) fn reported_cursor(&self) -> (usize, usize) {
        let (row, column) = self.cursor();
        (self.guard.reported(row), column)
    }

    pub(super) fn modes(&self) -> Modes {
        self.guard.asked.modes(*self.guard.term.mode())
    }

    /// Whether a mode is set; `None` for one that is not known.
    pub(super) fn is_mode_set(&self, private: bool, mode: u16) -> Option<bool> {
        let flag = match (private, mode) {
            (false, 4) => TermMode::INSERT,
            (false, 20) => TermMode::LINE_FEED_NEW_LINE,
            (true, 1) => TermMode::APP_CURSOR,
            (true, 6) => TermMode::ORIGIN,
            (true, 7) => TermMode::LINE_WRAP,
            (true, 25) => TermMode::SHOW_CURSOR,
            (true, 47 | 1047 | 1049) => TermMode::ALT_SCREEN,
            (true, 66) => TermMode::APP_KEYPAD,
            (true, 1000) => TermMode::MOUSE_REPORT_CLICK,
            (true, 1002) => TermMode::MOUSE_DRAG,
            (true, 1003) => TermMode::MOUSE_MOTION,
            (true, 1004) => TermMode::FOCUS_IN_OUT,
            (true, 1005) => TermMode::UTF8_MOUSE,
            (true, 1006) => TermMode::SGR_MOUSE,
            (true, 1007) => TermMode::ALTERNATE_SCROLL,
            (true, 2004) => TermMode::BRACKETED_PASTE,
            _ => return None,
        };
        Some(self.guard.term.mode().contains(flag))
    }

    pub(super) fn view(&self, offset: usize, screen: &mut Screen) {
        let term = &self.guard.term;
        let grid = term.grid();
        let scrollback = self.scrollback();
        let offset = offset.min(scrollback);
        screen.scrollback = scrollback;
        screen.offset = offset;
        screen.rows.resize_with(term.screen_lines(), Vec::new);
        let top = -i32::try_from(offset).unwrap_or(0);
        for (row, line) in screen.rows.iter_mut().zip(top..) {
            rows::copy(&grid[Line(line)][..], row);
        }
        screen.cursor = self.visible_cursor().filter(|_| offset == 0);
    }

    fn visible_cursor(&self) -> Option<Cursor> {
        if !self.guard.term.mode().contains(TermMode::SHOW_CURSOR) {
            return None;
        }
        let shape = match self.guard.term.cursor_style().shape {
            ansi::CursorShape::Block | ansi::CursorShape::HollowBlock => CursorShape::Block,
            ansi::CursorShape::Underline => CursorShape::Underline,
            ansi::CursorShape::Beam => CursorShape::Bar,
            ansi::CursorShape::Hidden => return None,
        };
        let (row, column) = self.cursor();
        Some(Cursor {
            row: u16::try_from(row).ok()?,
            column: u16::try_from(column).ok()?,
            shape,
        })
    }
}

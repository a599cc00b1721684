//! What the parser tells, done on the screen.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorStyle, Handler, KeyboardModes, KeyboardModesApplyBehavior,
    LineClearMode, Mode, ModifyOtherKeys, NamedPrivateMode, PrivateMode, StandardCharset,
    TabulationClearMode,
};
use unicode_width::UnicodeWidthChar;

use super::{Guard, Saved};
use crate::console::engine::asked::{Asked, KNOWN_FLAGS};
use crate::console::engine::rows::BLINK;
use crate::console::sanitize::{is_harmless, sanitize_line};

/// The longest title that is kept, in characters.
const LONGEST_TITLE: usize = 64;

/// Methods that reach the screen as they are.
macro_rules! let_through {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method(&mut self, $($argument: $type),*) {
            Handler::$method(&mut self.term, $($argument),*);
        })*
    };
}

impl Handler for Guard {
    fn input(&mut self, c: char) {
        #[cfg(test)]
        assert_ne!(c, crate::console::terminal::tests::DEADLY);
        if c <= '~' {
            return self.write(c, 1);
        }
        let width = c.width().unwrap_or(0);
        if is_harmless(c) && (width > 0 || self.may_combine()) {
            self.write(c, width);
        }
    }

    fn set_title(&mut self, title: Option<String>) {
        self.title = title
            .map(|title| sanitize_line(&title, LONGEST_TITLE))
            .filter(|title| !title.is_empty());
    }

    /// In newline mode a line feed returns the carriage too, which the engine's `linefeed` leaves out.
    fn linefeed(&mut self) {
        self.term.newline();
        self.cursor().input_needs_wrap = false;
    }

    /// Behind the last column the engine makes a line break of it.
    fn put_tab(&mut self, count: u16) {
        if !self.cursor().input_needs_wrap {
            self.term.put_tab(count);
        }
    }

    // The engine's cursor leaves the margins, and in origin mode it counts them twice.

    fn goto(&mut self, line: i32, column: usize) {
        let row = self.addressed(usize::try_from(line).unwrap_or(0));
        self.place(row, column);
    }

    fn goto_line(&mut self, line: i32) {
        let (_, column) = self.position();
        self.goto(line, column);
    }

    fn goto_col(&mut self, column: usize) {
        let (row, _) = self.position();
        self.place(row, column);
    }

    fn move_up(&mut self, rows: usize) {
        let (_, column) = self.position();
        self.place(self.above(rows), column);
    }

    fn move_down(&mut self, rows: usize) {
        let (_, column) = self.position();
        self.place(self.below(rows), column);
    }

    fn move_up_and_cr(&mut self, rows: usize) {
        self.place(self.above(rows), 0);
    }

    fn move_down_and_cr(&mut self, rows: usize) {
        self.place(self.below(rows), 0);
    }

    /// A region that reaches below the screen ends there; the engine would make an empty one of it.
    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let lines = self.term.screen_lines();
        let bottom = bottom.unwrap_or(lines).min(lines);
        if top < bottom {
            self.margins = top - 1..bottom;
            self.term.set_scrolling_region(top, Some(bottom));
        }
    }

    /// More than there is behind the cursor would erase what is before it.
    fn delete_chars(&mut self, count: usize) {
        let (_, column) = self.position();
        let count = count.min(self.term.columns() - column);
        self.edit([column, column + count]);
        self.term.delete_chars(count);
    }

    fn insert_blank(&mut self, count: usize) {
        let (_, column) = self.position();
        let columns = self.term.columns();
        let end = columns - count.min(columns - column);
        self.edit([column, end]);
        self.term.insert_blank(count);
    }

    fn erase_chars(&mut self, count: usize) {
        let (_, column) = self.position();
        self.edit([column, column.saturating_add(count)]);
        self.term.erase_chars(count);
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        let (_, column) = self.position();
        self.edit(match mode {
            LineClearMode::Right => [column; 2],
            LineClearMode::Left => [column + 1; 2],
            LineClearMode::All => [0; 2],
        });
        self.term.clear_line(mode);
    }

    fn insert_blank_lines(&mut self, lines: usize) {
        self.term.insert_blank_lines(lines);
        self.begin_row();
    }

    fn delete_lines(&mut self, lines: usize) {
        self.term.delete_lines(lines);
        self.begin_row();
    }

    fn decaln(&mut self) {
        self.set_scrolling_region(1, None);
        self.place(0, 0);
        self.term.decaln();
    }

    /// The engine leaves the first line of two.
    fn clear_screen(&mut self, mode: ClearMode) {
        let (row, column) = self.position();
        match mode {
            ClearMode::Below => self.edit([column; 2]),
            ClearMode::Above => self.edit([column + 1; 2]),
            ClearMode::All => self.edit([0; 2]),
            ClearMode::Saved => {}
        }
        if matches!(mode, ClearMode::Above) && row == 1 {
            self.place(0, 0);
            self.term.clear_line(LineClearMode::All);
            self.place(row, column);
        }
        self.term.clear_screen(mode);
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.charset = index;
        self.term.set_active_charset(index);
    }

    fn save_cursor_position(&mut self) {
        let saved = Saved {
            origin: self.term.mode().contains(TermMode::ORIGIN),
            charset: self.charset,
        };
        *self.saved() = saved;
        self.term.save_cursor_position();
    }

    fn restore_cursor_position(&mut self) {
        let Saved { origin, charset } = *self.saved();
        self.set_active_charset(charset);
        let mode = NamedPrivateMode::Origin.into();
        if origin {
            self.term.set_private_mode(mode);
        } else {
            self.term.unset_private_mode(mode);
        }
        self.term.restore_cursor_position();
    }

    /// 1049 saves the cursor on the way in, and restores it also for one who was not in; the older
    /// modes of the alternate screen leave the cursor where it is. 132 columns (DECCOLM) are not to
    /// be had, so that nothing is cleared for them.
    fn set_private_mode(&mut self, mode: PrivateMode) {
        self.asked.private_mode(mode, true);
        match mode {
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => {
                let was_in = self.is_alternate();
                self.save_cursor_position();
                self.enter_alternate();
                if was_in {
                    self.term.clear_screen(ClearMode::All);
                }
            }
            PrivateMode::Unknown(47 | 1047) => self.enter_alternate(),
            PrivateMode::Unknown(1048) => self.save_cursor_position(),
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {}
            PrivateMode::Named(NamedPrivateMode::Origin) => {
                self.term.set_private_mode(mode);
                self.goto(0, 0);
            }
            mode => self.term.set_private_mode(mode),
        }
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        self.asked.private_mode(mode, false);
        match mode {
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => {
                self.leave_alternate();
                self.restore_cursor_position();
            }
            PrivateMode::Unknown(47 | 1047) => {
                let cursor = self.cursor().clone();
                self.leave_alternate();
                *self.cursor() = cursor;
            }
            PrivateMode::Unknown(1048) => self.restore_cursor_position(),
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {}
            PrivateMode::Named(NamedPrivateMode::Origin) => {
                self.term.unset_private_mode(mode);
                self.place(0, 0);
            }
            mode => self.term.unset_private_mode(mode),
        }
    }

    /// The colour of an underline is dropped, because each cell would keep it in an allocation, and
    /// its kinds are one, which leaves a flag to mark what blinks.
    fn terminal_attribute(&mut self, attribute: Attr) {
        let blinks = self.cursor().template.flags & BLINK;
        match attribute {
            Attr::UnderlineColor(_) => {}
            Attr::BlinkSlow => self.cursor().template.flags.insert(BLINK),
            Attr::CancelBlink => self.cursor().template.flags.remove(BLINK),
            Attr::Underline
            | Attr::DoubleUnderline
            | Attr::Undercurl
            | Attr::DottedUnderline
            | Attr::DashedUnderline => {
                self.term.terminal_attribute(Attr::Underline);
                self.cursor().template.flags.insert(blinks);
            }
            Attr::CancelUnderline => {
                self.term.terminal_attribute(attribute);
                self.cursor().template.flags.insert(blinks);
            }
            attribute => self.term.terminal_attribute(attribute),
        }
    }

    fn reset_state(&mut self) {
        self.title = None;
        self.asked = Asked::default();
        self.margins = 0..self.term.screen_lines();
        self.charset = CharsetIndex::default();
        self.saved = [Saved::default(); 2];
        self.term.reset_state();
    }

    fn set_modify_other_keys(&mut self, mode: ModifyOtherKeys) {
        self.asked.modify_other_keys(mode);
    }

    fn push_keyboard_mode(&mut self, mode: KeyboardModes) {
        self.term.push_keyboard_mode(mode & KNOWN_FLAGS);
    }

    fn set_keyboard_mode(&mut self, mode: KeyboardModes, apply: KeyboardModesApplyBehavior) {
        Handler::set_keyboard_mode(&mut self.term, mode & KNOWN_FLAGS, apply);
    }

    fn pop_keyboard_modes(&mut self, count: u16) {
        self.term.pop_keyboard_modes(count);
    }

    fn unset_keypad_application_mode(&mut self) {
        self.asked.keypad();
        self.term.unset_keypad_application_mode();
    }

    let_through! {
        set_cursor_style(style: Option<CursorStyle>);
        set_cursor_shape(shape: ansi::CursorShape);
        move_forward(columns: usize);
        move_backward(columns: usize);
        backspace();
        carriage_return();
        newline();
        substitute();
        set_horizontal_tabstop();
        scroll_up(lines: usize);
        scroll_down(lines: usize);
        move_backward_tabs(count: u16);
        move_forward_tabs(count: u16);
        clear_tabs(mode: TabulationClearMode);
        set_tabs(interval: u16);
        reverse_index();
        set_mode(mode: Mode);
        unset_mode(mode: Mode);
        set_keypad_application_mode();
        configure_charset(index: CharsetIndex, charset: StandardCharset);
    }
}

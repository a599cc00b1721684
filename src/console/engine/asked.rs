//! What a guest asks of those who type and point, beyond what the engine keeps.

use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{KeyboardModes, ModifyOtherKeys, PrivateMode};

use crate::console::{Keyboard, Modes, MouseForm, MouseWanted};

/// The flags of the keyboard protocol that are known: disambiguate, and all keys as sequences.
pub(super) const KNOWN_FLAGS: KeyboardModes =
    KeyboardModes::DISAMBIGUATE_ESC_CODES.union(KeyboardModes::REPORT_ALL_KEYS_AS_ESC);

/// Modes that the engine does not know.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent mode of a terminal"
)]
pub(super) struct Asked {
    presses: bool,
    urxvt: bool,
    keypad: bool,
    backarrow: bool,
    delete_is_del: bool,
    other_keys: Keyboard,
}

impl Asked {
    /// A private mode was set, or unset.
    pub(super) fn private_mode(&mut self, mode: PrivateMode, is_set: bool) {
        match mode.raw() {
            9 => self.presses = is_set,
            66 => self.keypad = is_set,
            67 => self.backarrow = is_set,
            1000 | 1002 | 1003 => self.presses = false,
            1005 | 1006 => self.urxvt = false,
            1015 => self.urxvt = is_set,
            1037 => self.delete_is_del = is_set,
            _ => {}
        }
    }

    /// The keypad's mode was set by another sequence.
    pub(super) fn keypad(&mut self) {
        self.keypad = false;
    }

    pub(super) fn modify_other_keys(&mut self, mode: ModifyOtherKeys) {
        self.other_keys = match mode {
            ModifyOtherKeys::Reset => Keyboard::Legacy,
            ModifyOtherKeys::EnableExceptWellDefined => Keyboard::OtherKeys,
            ModifyOtherKeys::EnableAll => Keyboard::AllOtherKeys,
        };
    }

    /// All that was asked, with what the engine keeps.
    pub(super) fn modes(self, mode: TermMode) -> Modes {
        let mouse = [
            (TermMode::MOUSE_MOTION, MouseWanted::Motion),
            (TermMode::MOUSE_DRAG, MouseWanted::Drags),
            (TermMode::MOUSE_REPORT_CLICK, MouseWanted::Buttons),
        ];
        let mouse = mouse.into_iter().find(|(flag, _)| mode.contains(*flag));
        let mouse = match mouse {
            Some((_, wanted)) => wanted,
            None if self.presses => MouseWanted::Presses,
            None => MouseWanted::Nothing,
        };
        Modes {
            application_cursor: mode.contains(TermMode::APP_CURSOR),
            application_keypad: self.keypad || mode.contains(TermMode::APP_KEYPAD),
            bracketed_paste: mode.contains(TermMode::BRACKETED_PASTE),
            newline: mode.contains(TermMode::LINE_FEED_NEW_LINE),
            backarrow: self.backarrow,
            delete_is_del: self.delete_is_del,
            alternate_screen: mode.contains(TermMode::ALT_SCREEN),
            alternate_scroll: mode.contains(TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL),
            focus: mode.contains(TermMode::FOCUS_IN_OUT),
            mouse,
            mouse_form: if self.urxvt {
                MouseForm::Urxvt
            } else if mode.contains(TermMode::SGR_MOUSE) {
                MouseForm::Sgr
            } else if mode.contains(TermMode::UTF8_MOUSE) {
                MouseForm::Utf8
            } else {
                MouseForm::Bytes
            },
            keyboard: if mode.contains(TermMode::REPORT_ALL_KEYS_AS_ESC) {
                Keyboard::AllSequences
            } else if mode.contains(TermMode::DISAMBIGUATE_ESC_CODES) {
                Keyboard::Disambiguated
            } else {
                self.other_keys
            },
        }
    }
}

//! What a guest asked of its terminal, as far as it concerns those who type, point or draw.

/// The modes of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent mode of a terminal"
)]
pub struct Modes {
    /// Cursor keys send `ESC O` (DECCKM).
    pub application_cursor: bool,
    /// The keypad sends application codes (DECKPAM).
    pub application_keypad: bool,
    /// Pasted text is to be bracketed (mode 2004).
    pub bracketed_paste: bool,
    /// Enter sends CR LF (LNM).
    pub newline: bool,
    /// Backspace sends BS instead of DEL (DECBKM).
    pub backarrow: bool,
    /// Delete sends DEL (mode 1037).
    pub delete_is_del: bool,
    /// The alternate screen is shown.
    pub alternate_screen: bool,
    /// The wheel sends cursor keys: the alternate screen is shown, and mode 1007 not unset.
    pub alternate_scroll: bool,
    /// The guest is to be told when its terminal gets and loses the keys (mode 1004).
    pub focus: bool,
    /// What of the mouse the guest wants to be told.
    pub mouse: MouseWanted,
    /// In which form.
    pub mouse_form: MouseForm,
    /// How keys are sent that older terminals cannot tell apart.
    pub keyboard: Keyboard,
}

/// What of the mouse a guest wants to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MouseWanted {
    /// Nothing.
    #[default]
    Nothing,
    /// Buttons that go down, without modifiers (mode 9).
    Presses,
    /// Buttons that go down and up (mode 1000).
    Buttons,
    /// The same, and where the pointer goes while one is down (mode 1002).
    Drags,
    /// Where the pointer goes (mode 1003).
    Motion,
}

/// The form in which a guest is told of the mouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MouseForm {
    /// Three bytes: up to column and row 223.
    #[default]
    Bytes,
    /// Three characters in UTF-8: up to column and row 2015 (mode 1005).
    Utf8,
    /// Numbers, and another end for a button that goes up (mode 1006).
    Sgr,
    /// Numbers (mode 1015).
    Urxvt,
}

/// How keys are sent that older terminals cannot tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keyboard {
    /// As ever.
    #[default]
    Legacy,
    /// xterm's `modifyOtherKeys`, 1: where it is not well known what a key with modifiers sends.
    OtherKeys,
    /// xterm's `modifyOtherKeys`, 2: for all keys with modifiers.
    AllOtherKeys,
    /// The keyboard protocol of kitty: what could be taken for something else is a sequence.
    Disambiguated,
    /// The same, and all other keys too.
    AllSequences,
}

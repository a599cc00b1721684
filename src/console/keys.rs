//! Keys as the dashboard knows them, and the bytes that they are on a serial line.

use super::Modes;

/// A key, whatever terminal library told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character as typed: with shift it is the shifted one.
    Char(char),
    /// Function key 1 to 24.
    F(u8),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift-tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
}

/// A key with its modifiers. Written `ctrl-]`, `f12`, `alt-x`, `shift-left`, `G`, `space`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Control.
    pub ctrl: bool,
    /// Alt, or meta.
    pub alt: bool,
    /// Shift, for keys that are no characters.
    pub shift: bool,
}

/// The bytes of a key for a guest in these modes, as xterm sends them.
pub fn encode(key: Key, modes: Modes) -> Vec<u8> {
    let _ = (key, modes);
    Vec::new()
}

/// The bytes of pasted text: newlines as CR, controls but tab left out, bracketed when asked for.
pub fn encode_paste(text: &str, modes: Modes) -> Vec<u8> {
    let _ = (text, modes);
    Vec::new()
}

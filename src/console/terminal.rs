//! The terminal: bytes in, cells and replies out.

use super::{Screen, Size};

/// What the guest asked of the terminal, as far as it concerns those who type or draw.
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
    /// The alternate screen is shown.
    pub alternate_screen: bool,
    /// Any mouse report is asked for.
    pub mouse: bool,
}

/// A terminal of one size with a scrollback. A panic inside the engine costs the screen, not the program.
pub struct Terminal {
    size: Size,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Terminal {
    /// A terminal with up to `scrollback` lines of the past.
    pub fn new(size: Size, scrollback: usize) -> Self {
        let _ = scrollback;
        Self { size }
    }

    /// Takes the guest's bytes, split anywhere. Asks no questions answered: see [`Self::feed_answering`].
    pub fn feed(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The same, and returns the replies that a terminal owes to the guest's queries: cursor
    /// position, device attributes, status, modes, sizes, XTGETTCAP of the terminal's name. Only
    /// the shim calls this. Replies carry no text of the guest's and are bounded in number.
    pub fn feed_answering(&mut self, bytes: &[u8]) -> Vec<u8> {
        let _ = bytes;
        Vec::new()
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Gives it another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// What the guest asked of it.
    pub fn modes(&self) -> Modes {
        Modes::default()
    }

    /// The title that the guest set, as inert text of at most 64 characters without controls.
    pub fn title(&self) -> Option<&str> {
        None
    }

    /// Lines of the past that can be scrolled to.
    pub fn scrollback(&self) -> usize {
        0
    }

    /// The cells seen when scrolled back by `offset` lines (clamped), written into `screen` so
    /// that its allocations are used again.
    pub fn view(&self, offset: usize, screen: &mut Screen) {
        let _ = (offset, screen);
    }
}

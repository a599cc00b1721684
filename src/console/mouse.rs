//! The mouse: what it did, and the bytes by which a guest is told that wants to know (xterm's
//! ctlseqs document, "Mouse Tracking").

use super::keys::{Key, KeyCode, encode};
use super::modes::{Modes, MouseForm, MouseWanted};

/// A button; the wheel is some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// The left one.
    Left,
    /// The middle one.
    Middle,
    /// The right one.
    Right,
    /// The wheel, turned up.
    WheelUp,
    /// The wheel, turned down.
    WheelDown,
    /// The wheel, to the left.
    WheelLeft,
    /// The wheel, to the right.
    WheelRight,
}

impl Button {
    const ALL: [(Self, u8); 7] = [
        (Self::Left, 0),
        (Self::Middle, 1),
        (Self::Right, 2),
        (Self::WheelUp, 64),
        (Self::WheelDown, 65),
        (Self::WheelLeft, 66),
        (Self::WheelRight, 67),
    ];

    /// The button with this number in a report.
    pub(super) fn numbered(number: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == number);
        found.map(|(button, _)| *button)
    }

    fn number(self) -> u8 {
        let found = Self::ALL.iter().find(|(button, _)| *button == self);
        found.map_or(0, |(_, number)| *number)
    }

    /// Whether it is a direction of the wheel, which never goes up.
    pub fn is_wheel(self) -> bool {
        self.number() >= 64
    }
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// A button went down, or the wheel was turned by a notch.
    Press(Button),
    /// A button went up.
    Release(Button),
    /// The pointer moved while a button was down.
    Drag(Button),
    /// The pointer moved.
    Move,
}

/// What the mouse did, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub kind: MouseKind,
    /// Column, from 0.
    pub column: u16,
    /// Row, from 0.
    pub row: u16,
    /// Shift was down.
    pub shift: bool,
    /// Alt was down.
    pub alt: bool,
    /// Control was down.
    pub ctrl: bool,
}

/// Cursor keys that a notch of the wheel is worth.
const NOTCH: usize = 3;

/// What a report adds to the number of a button: that the pointer moved, and the modifiers.
const MOTION: u8 = 32;
const SHIFT: u8 = 4;
const ALT: u8 = 8;
const CTRL: u8 = 16;
/// The number in place of a button where none is down, or where it is not told which went up.
const NO_BUTTON: u8 = 3;

impl Mouse {
    /// Reads the number of a report; `up` says whether it ends as one of a button that goes up.
    pub(super) fn read(number: u8, up: bool, column: u16, row: u16) -> Option<Self> {
        let button = number & !(MOTION | SHIFT | ALT | CTRL);
        let moves = number & MOTION != 0;
        let kind = match (Button::numbered(button), moves) {
            (Some(button), true) => MouseKind::Drag(button),
            (Some(button), false) if up => MouseKind::Release(button),
            (Some(button), false) => MouseKind::Press(button),
            (None, true) if button == NO_BUTTON => MouseKind::Move,
            // Older forms do not say which; nearly always it is this one.
            (None, false) if button == NO_BUTTON => MouseKind::Release(Button::Left),
            (None, _) => return None,
        };
        Some(Self {
            kind,
            column,
            row,
            shift: number & SHIFT != 0,
            alt: number & ALT != 0,
            ctrl: number & CTRL != 0,
        })
    }

    /// The bytes for a guest in these modes; none when it does not want to know.
    pub fn encode(self, modes: Modes) -> Vec<u8> {
        if modes.mouse == MouseWanted::Nothing {
            return self.scroll(modes);
        }
        if !self.is_wanted(modes.mouse) {
            return Vec::new();
        }
        let is_up = matches!(self.kind, MouseKind::Release(_));
        let number = self.number(modes);
        // Where a number has no place the report is left out, as xterm does it.
        let least = |most: u16| (self.column < most && self.row < most).then_some(());
        let (x, y) = (u32::from(self.column) + 1, u32::from(self.row) + 1);
        match modes.mouse_form {
            MouseForm::Sgr => {
                let end = if is_up { 'm' } else { 'M' };
                format!("\x1b[<{number};{x};{y}{end}").into_bytes()
            }
            MouseForm::Urxvt => format!("\x1b[{};{x};{y}M", u32::from(number) + 32).into_bytes(),
            MouseForm::Bytes => least(223)
                .and_then(|()| {
                    let place = [u8::try_from(x + 32).ok()?, u8::try_from(y + 32).ok()?];
                    Some([b"\x1b[M".as_slice(), &[number + 32], &place].concat())
                })
                .unwrap_or_default(),
            MouseForm::Utf8 => least(2015)
                .and_then(|()| {
                    let numbers = [u32::from(number) + 32, x + 32, y + 32];
                    let place: Option<String> = numbers.into_iter().map(char::from_u32).collect();
                    Some(format!("\x1b[M{}", place?).into_bytes())
                })
                .unwrap_or_default(),
        }
    }

    fn is_wanted(self, wanted: MouseWanted) -> bool {
        let least = match self.kind {
            MouseKind::Press(button) if !button.is_wheel() => MouseWanted::Presses,
            MouseKind::Press(_) => MouseWanted::Buttons,
            MouseKind::Release(button) if !button.is_wheel() => MouseWanted::Buttons,
            MouseKind::Drag(_) => MouseWanted::Drags,
            MouseKind::Move => MouseWanted::Motion,
            MouseKind::Release(_) => return false,
        };
        wanted >= least
    }

    fn number(self, modes: Modes) -> u8 {
        let button = match self.kind {
            MouseKind::Release(_) if modes.mouse_form != MouseForm::Sgr => NO_BUTTON,
            MouseKind::Press(button) | MouseKind::Release(button) => button.number(),
            MouseKind::Drag(button) => button.number() + MOTION,
            MouseKind::Move => NO_BUTTON + MOTION,
        };
        let marks = [(self.shift, SHIFT), (self.alt, ALT), (self.ctrl, CTRL)];
        let marks = marks.into_iter().filter(|(set, _)| *set);
        let has_marks = modes.mouse != MouseWanted::Presses;
        button
            + marks
                .map(|(_, mark)| mark)
                .filter(|_| has_marks)
                .sum::<u8>()
    }

    /// On the alternate screen, which has no past to scroll to, the wheel is cursor keys.
    fn scroll(self, modes: Modes) -> Vec<u8> {
        let code = match self.kind {
            _ if !modes.alternate_scroll => return Vec::new(),
            MouseKind::Press(Button::WheelUp) => KeyCode::Up,
            MouseKind::Press(Button::WheelDown) => KeyCode::Down,
            _ => return Vec::new(),
        };
        encode(Key::plain(code), modes).repeat(NOTCH)
    }

    /// Whether a guest in these modes has it, unless the user holds shift to have it here.
    pub fn is_guests(self, modes: Modes) -> bool {
        let is_wheel = matches!(self.kind, MouseKind::Press(button) if button.is_wheel());
        let scrolls = is_wheel && modes.alternate_scroll;
        !self.shift && (modes.mouse != MouseWanted::Nothing || scrolls)
    }
}

#[cfg(test)]
#[path = "mouse_tests.rs"]
mod tests;

//! Keys that older terminals cannot tell apart, in the forms that newer programs ask for: xterm's
//! `modifyOtherKeys` (`CSI 27 ; modifiers ; code ~`), and the keyboard protocol of kitty
//! (`CSI code ; modifiers u`, its flags 1 and 8).

use super::encode::{control, modifiers};
use super::{KEYPAD, Key, KeyCode};
use crate::console::Keyboard;

/// The number of the keypad's first key in kitty's protocol.
pub(super) const KITTY_KEYPAD: u32 = 57399;
/// The number of F13 there.
pub(super) const KITTY_F13: u32 = 57376;

/// The bytes of a key; `None` where they are what they always were.
pub(super) fn encode(key: Key, keyboard: Keyboard) -> Option<Vec<u8>> {
    let key = with_shift(key);
    match keyboard {
        Keyboard::Legacy => None,
        Keyboard::OtherKeys => other_key(key, false),
        Keyboard::AllOtherKeys => other_key(key, true),
        Keyboard::Disambiguated => kitty(key, false),
        Keyboard::AllSequences => kitty(key, true),
    }
    .map(String::into_bytes)
}

/// Shift is known of keys that carry it only in what they are.
fn with_shift(key: Key) -> Key {
    let (code, shifted) = match key.code {
        KeyCode::BackTab => (KeyCode::Tab, true),
        KeyCode::Char(c) => (key.code, c.is_uppercase()),
        code => (code, false),
    };
    let shift = key.shift || shifted;
    Key { code, shift, ..key }
}

/// The number of a key that stands for a character, as far as it has one: that of the character.
fn number(code: KeyCode) -> Option<u32> {
    Some(match code {
        KeyCode::Char(c) => c.into(),
        KeyCode::Esc => 27,
        KeyCode::Enter => 13,
        KeyCode::Tab => 9,
        KeyCode::Backspace => 127,
        _ => return None,
    })
}

fn other_key(key: Key, all: bool) -> Option<String> {
    let number = number(key.code)?;
    let has_more = key.ctrl || key.alt;
    let is_wanted = match key.code {
        KeyCode::Char(c) if all => has_more || c == ' ' && key.shift,
        // What control makes is well known, and that alt puts ESC before.
        KeyCode::Char(c) if key.ctrl => {
            let is_known = control(c.to_ascii_lowercase()).is_some() || matches!(c, '2'..='8');
            !is_known || c != ' ' && (key.alt || key.shift)
        }
        KeyCode::Tab => has_more,
        KeyCode::Enter | KeyCode::Esc => has_more || key.shift,
        KeyCode::Backspace => all && (key.alt || key.shift),
        _ => false,
    };
    let number = match key.code {
        // The character that shift makes.
        KeyCode::Char(c) if key.shift => c.to_ascii_uppercase().into(),
        _ => number,
    };
    is_wanted.then(|| format!("\x1b[27;{};{number}~", modifiers(key)))
}

fn kitty(key: Key, all: bool) -> Option<String> {
    let modifiers = modifiers(key);
    let lettered = |letter: char| match modifiers {
        1 => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{modifiers}{letter}"),
    };
    let unicode = |number: u32| match modifiers {
        1 => format!("\x1b[{number}u"),
        _ => format!("\x1b[{number};{modifiers}u"),
    };
    Some(match key.code {
        KeyCode::Char(_) if !all && !key.ctrl && !key.alt => return None,
        // The key itself, whatever shift makes of it.
        KeyCode::Char(c) => unicode(c.to_lowercase().next().unwrap_or(c).into()),
        // A shell that a broken program left behind can still be typed to.
        KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace if !all && modifiers == 1 => {
            return None;
        }
        KeyCode::Up => lettered('A'),
        KeyCode::Down => lettered('B'),
        KeyCode::Right => lettered('C'),
        KeyCode::Left => lettered('D'),
        KeyCode::End => lettered('F'),
        KeyCode::Home => lettered('H'),
        KeyCode::F(1) => lettered('P'),
        KeyCode::F(2) => lettered('Q'),
        KeyCode::F(4) => lettered('S'),
        KeyCode::F(3) if modifiers == 1 => "\x1b[13~".to_owned(),
        KeyCode::F(3) => format!("\x1b[13;{modifiers}~"),
        KeyCode::F(f @ 13..) => unicode(KITTY_F13 + u32::from(f) - 13),
        KeyCode::Keypad(c) if c != '\r' && !all && modifiers == 1 => c.to_string(),
        KeyCode::Keypad(c) => {
            let place = KEYPAD.chars().position(|written| written == c)?;
            unicode(KITTY_KEYPAD + u32::try_from(place).ok()?)
        }
        code => unicode(number(code)?),
    })
}

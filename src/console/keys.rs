//! Keys as the dashboard knows them, and the bytes that they are on a serial line.

mod decode;
mod encode;
mod modern;

use std::fmt;
use std::str::FromStr;

pub use decode::{Decoder, Event};
pub use encode::{encode, encode_focus, encode_paste, pasted_lines};

use crate::fault::{Code, Fault};

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
    /// A key of the keypad, by what is written on it; enter is `\r`. Terminals tell it from the same
    /// character elsewhere only when they are asked to.
    Keypad(char),
}

/// What is written on the keys of a keypad, in the order of the keyboard protocol's numbers.
const KEYPAD: &str = "0123456789./*-+\r=,";

/// Names as they are written; the first of a code is how it is shown.
const NAMES: [(&str, KeyCode); 25] = [
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("escape", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("ins", KeyCode::Insert),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pgup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("pgdn", KeyCode::PageDown),
    ("pgdown", KeyCode::PageDown),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("minus", KeyCode::Char('-')),
    ("plus", KeyCode::Char('+')),
];

/// A key with its modifiers. Written `ctrl-]`, `f12`, `alt-x`, `shift-left`, `G`, `space`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Control.
    pub ctrl: bool,
    /// Alt, or meta.
    pub alt: bool,
    /// Shift; of no account for characters in the normal form.
    pub shift: bool,
}

impl Key {
    /// A key without modifiers.
    pub const fn plain(code: KeyCode) -> Self {
        Self {
            code,
            ctrl: false,
            alt: false,
            shift: false,
        }
    }

    /// The one form of all keys that a terminal cannot tell apart, or that mean the same; compare
    /// keys only in this form.
    ///
    /// - Shift is part of a character, so it is dropped there; shift-tab is [`KeyCode::BackTab`].
    /// - Control makes a letter's case void: `ctrl-X` is `ctrl-x`.
    /// - A terminal sends the bytes 0x1c to 0x1f for `ctrl-\`, `ctrl-]`, `ctrl-^` and `ctrl-_`, and
    ///   crossterm tells them as `ctrl-4` to `ctrl-7`; `ctrl-@` and `ctrl-2` are `ctrl-space`, and
    ///   `ctrl-/` is `ctrl-_`.
    #[must_use]
    pub fn normalise(self) -> Self {
        let code = match self.code {
            KeyCode::Char(c) if self.ctrl => KeyCode::Char(match c {
                '@' | '2' => ' ',
                '4' => '\\',
                '5' => ']',
                '6' => '^',
                '7' | '/' => '_',
                c => c.to_ascii_lowercase(),
            }),
            KeyCode::Char('\t') => KeyCode::Tab,
            KeyCode::Tab if self.shift => KeyCode::BackTab,
            code => code,
        };
        let shift = self.shift && !matches!(code, KeyCode::Char(_) | KeyCode::BackTab);
        Self {
            code,
            shift,
            ..self
        }
    }

    /// The key as it is bound: in its normal form, and a key of the keypad as the character that is
    /// written on it.
    #[must_use]
    pub fn bound(self) -> Self {
        let code = match self.code {
            KeyCode::Keypad('\r') => KeyCode::Enter,
            KeyCode::Keypad(c) => KeyCode::Char(c),
            code => code,
        };
        Self { code, ..self }.normalise()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (set, name) in [
            (self.ctrl, "ctrl-"),
            (self.alt, "alt-"),
            (self.shift, "shift-"),
        ] {
            if set {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::F(number) => write!(f, "f{number}"),
            KeyCode::Char(c) if c != ' ' => write!(f, "{c}"),
            KeyCode::Keypad('\r') => f.write_str("kpenter"),
            KeyCode::Keypad(c) => write!(f, "kp{c}"),
            code => {
                let named = NAMES.iter().find(|(_, named)| *named == code);
                f.write_str(named.map_or("", |(name, _)| name))
            }
        }
    }
}

/// A key that is written in a way that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not understand the key `{written}`: {reason}")]
pub struct KeyError {
    written: String,
    reason: String,
}

impl Fault for KeyError {
    fn code(&self) -> Code {
        Code::InvalidInput
    }

    fn hint(&self) -> Option<String> {
        Some("keys are written like `q`, `G`, `?`, `ctrl-]`, `alt-x`, `shift-left`, `space`, `enter`, `f12`".to_owned())
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// Reads a key in any case of names; the result is in its normal form.
    fn from_str(written: &str) -> Result<Self, KeyError> {
        let wrong = |reason: String| KeyError {
            written: super::sanitize_line(written, 64),
            reason,
        };
        let mut key = Self::plain(KeyCode::Esc);
        let mut rest = written;
        while let Some((modifier, after)) = split_modifier(rest) {
            let set = match modifier {
                Modifier::Ctrl => &mut key.ctrl,
                Modifier::Alt => &mut key.alt,
                Modifier::Shift => &mut key.shift,
            };
            if std::mem::replace(set, true) {
                return Err(wrong("a modifier is there twice".to_owned()));
            }
            rest = after;
        }
        key.code = code(rest).map_err(wrong)?;
        if let (true, false, KeyCode::Char(c)) = (key.shift, key.ctrl, key.code) {
            if !c.is_alphabetic() {
                return Err(wrong(
                    "shift is part of a character; write the one that it makes".to_owned(),
                ));
            }
            key.code = KeyCode::Char(c.to_uppercase().next().unwrap_or(c));
        }
        Ok(key.normalise())
    }
}

enum Modifier {
    Ctrl,
    Alt,
    Shift,
}

/// Takes a modifier off the front, unless nothing would be left.
fn split_modifier(written: &str) -> Option<(Modifier, &str)> {
    let at = written.find(['-', '+'])?;
    let rest = &written[at + 1..];
    let modifier = match written[..at].to_ascii_lowercase().as_str() {
        "ctrl" | "control" => Modifier::Ctrl,
        "alt" | "meta" => Modifier::Alt,
        "shift" => Modifier::Shift,
        _ => return None,
    };
    (!rest.is_empty()).then_some((modifier, rest))
}

fn code(name: &str) -> Result<KeyCode, String> {
    let mut characters = name.chars();
    if let (Some(c), None) = (characters.next(), characters.next()) {
        return match c {
            c if c.is_control() => Err("a control character has no name of its own".to_owned()),
            c => Ok(KeyCode::Char(c)),
        };
    }
    let lower = name.to_ascii_lowercase();
    if let Some((_, code)) = NAMES.iter().find(|(known, _)| *known == lower) {
        return Ok(*code);
    }
    if let Some(number) = lower
        .strip_prefix('f')
        .and_then(|digits| digits.parse().ok())
    {
        return match number {
            1..=24 => Ok(KeyCode::F(number)),
            _ => Err("function keys go from f1 to f24".to_owned()),
        };
    }
    if let Some(written) = lower.strip_prefix("kp") {
        let named = if written == "enter" { "\r" } else { written };
        if let Some(c) = KEYPAD.chars().find(|c| named.chars().eq([*c])) {
            return Ok(KeyCode::Keypad(c));
        }
    }
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    let nearest = NAMES
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(known, &lower), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    Err(match nearest {
        Some((_, known)) => format!("there is no such key; did you mean `{known}`?"),
        None => "there is no such key".to_owned(),
    })
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "keys_modern_tests.rs"]
mod modern_tests;

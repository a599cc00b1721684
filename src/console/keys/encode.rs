//! Keys as bytes, as xterm sends them (its ctlseqs document, "PC-style function keys").

use super::{Key, KeyCode, modern};
use crate::console::Modes;

const ESCAPE: u8 = 0x1b;

/// The bytes of a key for a guest in these modes, as xterm sends them.
pub fn encode(key: Key, modes: Modes) -> Vec<u8> {
    modern::encode(key, modes.keyboard).unwrap_or_else(|| legacy(key.normalise(), modes))
}

fn legacy(key: Key, modes: Modes) -> Vec<u8> {
    let modifiers = modifiers(key);
    match key.code {
        KeyCode::Char(c) => with_alt(key, &character(c, key.ctrl)),
        KeyCode::Enter => with_alt(key, enter(modes)),
        KeyCode::Esc => with_alt(key, &[ESCAPE]),
        KeyCode::Tab => with_alt(key, b"\t"),
        KeyCode::BackTab => with_alt(key, b"\x1b[Z"),
        KeyCode::Backspace if key.ctrl == modes.backarrow => with_alt(key, b"\x7f"),
        KeyCode::Backspace => with_alt(key, b"\x08"),
        KeyCode::Up => cursor('A', modifiers, modes),
        KeyCode::Down => cursor('B', modifiers, modes),
        KeyCode::Right => cursor('C', modifiers, modes),
        KeyCode::Left => cursor('D', modifiers, modes),
        KeyCode::End => cursor('F', modifiers, modes),
        KeyCode::Home => cursor('H', modifiers, modes),
        KeyCode::Insert => tilde(2, modifiers),
        KeyCode::Delete if modes.delete_is_del && modifiers == 1 => b"\x7f".to_vec(),
        KeyCode::Delete => tilde(3, modifiers),
        KeyCode::PageUp => tilde(5, modifiers),
        KeyCode::PageDown => tilde(6, modifiers),
        KeyCode::F(number) => function(number, modifiers),
        KeyCode::Keypad(c) => keypad(c, key, modes),
    }
}

/// xterm's number for the modifiers: 1, and 1 for shift, 2 for alt, 4 for control.
pub(super) fn modifiers(key: Key) -> u8 {
    1 + u8::from(key.shift) + 2 * u8::from(key.alt) + 4 * u8::from(key.ctrl)
}

fn with_alt(key: Key, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    if key.alt {
        out.push(ESCAPE);
    }
    out.extend_from_slice(bytes);
    out
}

fn enter(modes: Modes) -> &'static [u8] {
    if modes.newline { b"\r\n" } else { b"\r" }
}

/// A character's UTF-8, or with control the control character that it makes, if it makes one.
fn character(c: char, ctrl: bool) -> Vec<u8> {
    match control(c).filter(|_| ctrl) {
        Some(byte) => vec![byte],
        None => c.to_string().into_bytes(),
    }
}

/// The control character that a key makes with control, its letters in lower case.
pub(super) fn control(c: char) -> Option<u8> {
    Some(match c {
        ' ' => 0,
        'a'..='z' => u8::try_from(c).ok()? & 0x1f,
        '[' | '3' => ESCAPE,
        '\\' => 0x1c,
        ']' => 0x1d,
        '^' => 0x1e,
        '_' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

/// Cursor keys, home and end.
fn cursor(letter: char, modifiers: u8, modes: Modes) -> Vec<u8> {
    match modifiers {
        1 if modes.application_cursor => format!("\x1bO{letter}"),
        1 => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{modifiers}{letter}"),
    }
    .into_bytes()
}

fn tilde(number: u8, modifiers: u8) -> Vec<u8> {
    match modifiers {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{modifiers}~"),
    }
    .into_bytes()
}

/// Function keys: F1 to F4 are the VT100's PF1 to PF4, the others have the VT220's numbers and gaps.
fn function(number: u8, modifiers: u8) -> Vec<u8> {
    match number {
        1..=4 => {
            let letter = char::from(b'P' + number - 1);
            match modifiers {
                1 => format!("\x1bO{letter}"),
                _ => format!("\x1b[1;{modifiers}{letter}"),
            }
            .into_bytes()
        }
        5 => tilde(15, modifiers),
        6..=10 => tilde(number + 11, modifiers),
        11..=14 => tilde(number + 12, modifiers),
        15 | 16 => tilde(number + 13, modifiers),
        17..=20 => tilde(number + 14, modifiers),
        21..=24 => tilde(number + 21, modifiers),
        _ => Vec::new(),
    }
}

/// The letters that the keypad sends after `ESC O` in its application mode (ctlseqs, "VT220-Style
/// Function Keys"), by what is written on the keys.
pub(super) const KEYPAD_LETTERS: [(char, char); 18] = [
    ('\r', 'M'),
    ('=', 'X'),
    ('*', 'j'),
    ('+', 'k'),
    (',', 'l'),
    ('-', 'm'),
    ('.', 'n'),
    ('/', 'o'),
    ('0', 'p'),
    ('1', 'q'),
    ('2', 'r'),
    ('3', 's'),
    ('4', 't'),
    ('5', 'u'),
    ('6', 'v'),
    ('7', 'w'),
    ('8', 'x'),
    ('9', 'y'),
];

/// A key of the keypad.
fn keypad(c: char, key: Key, modes: Modes) -> Vec<u8> {
    let letter = KEYPAD_LETTERS.iter().find(|(written, _)| *written == c);
    match (letter, modifiers(key)) {
        (Some((_, letter)), 1) if modes.application_keypad => format!("\x1bO{letter}").into_bytes(),
        (Some((_, letter)), modifiers) if modes.application_keypad => {
            format!("\x1bO{modifiers}{letter}").into_bytes()
        }
        _ if c == '\r' => with_alt(key, enter(modes)),
        _ => with_alt(key, &character(c, false)),
    }
}

/// What tells a guest that wants to know that its terminal got the keys, or lost them.
pub fn encode_focus(gained: bool, modes: Modes) -> &'static [u8] {
    match (modes.focus, gained) {
        (false, _) => b"",
        (true, true) => b"\x1b[I",
        (true, false) => b"\x1b[O",
    }
}

/// How many lines pasted text is; an end of line at its end begins no further one. Terminals paste
/// CR where the text has LF.
pub fn pasted_lines(text: &str) -> usize {
    let text = text.trim_end_matches(['\r', '\n']).replace("\r\n", "\n");
    text.split(['\r', '\n']).count()
}

/// The bytes of pasted text: newlines as CR, controls but tab left out, bracketed when asked for.
///
/// Without controls the text can neither end the bracket early nor type a control key.
pub fn encode_paste(text: &str, modes: Modes) -> Vec<u8> {
    let mut out = String::with_capacity(text.len() + 12);
    if modes.bracketed_paste {
        out.push_str("\x1b[200~");
    }
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push('\r');
            }
            '\n' => out.push('\r'),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if modes.bracketed_paste {
        out.push_str("\x1b[201~");
    }
    out.into_bytes()
}

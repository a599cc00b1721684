//! What a terminal tells, as keys, mouse and pasted text: the other direction of [`super::encode()`].
//!
//! All forms that a key comes in are known, asked for or not: single bytes, the older sequences,
//! xterm's `modifyOtherKeys` and kitty's keyboard protocol. What is not understood is passed over.

use super::encode::KEYPAD_LETTERS;
use super::modern::{KITTY_F13, KITTY_KEYPAD};
use super::{KEYPAD, Key, KeyCode};
use crate::console::mouse::Mouse;

const ESCAPE: u8 = 0x1b;
/// What ends pasted text.
const PASTE_END: &[u8] = b"\x1b[201~";
/// Pasted text that is longer comes as several pastes, in bytes: its end may never come.
const MOST_PASTED: usize = 16 << 20;
/// A longer sequence is none.
const LONGEST: usize = 64;
/// Numbers of a sequence that are of interest.
const NUMBERS: usize = 3;

/// Something that a terminal told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key went down, as it came: not in its normal form.
    Key(Key),
    /// The mouse did something.
    Mouse(Mouse),
    /// Text was pasted.
    Paste(String),
    /// The terminal got the keys of the user's desktop, or lost them.
    Focus(bool),
}

/// Takes what a terminal sends, split anywhere.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Pasted text under way.
    paste: Option<Vec<u8>>,
}

/// The begin of the bytes, read.
enum Read {
    /// So many bytes, and what they tell.
    Whole(usize, Option<Event>),
    /// The rest is still to come.
    Half,
    /// So many bytes, after which pasted text begins.
    Paste(usize),
}

impl Decoder {
    /// Takes bytes and gives what they tell.
    pub fn take(&mut self, bytes: &[u8], told: &mut Vec<Event>) {
        self.buffer.extend_from_slice(bytes);
        self.read_on(told, false);
    }

    /// Whether what was taken last may be the begin of more: ESC is a key, and begins others.
    pub fn is_half(&self) -> bool {
        self.paste.is_none() && !self.buffer.is_empty()
    }

    /// Nothing more came in a while: what seemed a begin is whole.
    pub fn settle(&mut self, told: &mut Vec<Event>) {
        if self.paste.is_none() {
            self.read_on(told, true);
            self.buffer.clear();
        }
    }

    fn read_on(&mut self, told: &mut Vec<Event>, is_all: bool) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            if let Some(paste) = &mut self.paste {
                // Its end may lie on both sides of what came before.
                let from = paste.len().saturating_sub(PASTE_END.len() - 1);
                paste.extend_from_slice(rest);
                rest = &[];
                let end = paste[from..]
                    .windows(PASTE_END.len())
                    .position(|window| window == PASTE_END);
                if let Some(end) = end {
                    let after = paste.split_off(from + end);
                    told.push(Event::Paste(String::from_utf8_lossy(paste).into_owned()));
                    self.paste = None;
                    self.buffer.extend_from_slice(&after[PASTE_END.len()..]);
                    return self.read_on(told, is_all);
                }
                if paste.len() > MOST_PASTED {
                    let rest = paste.split_off(whole_characters(paste, PASTE_END.len() - 1));
                    let text = String::from_utf8_lossy(paste).into_owned();
                    told.push(Event::Paste(text));
                    *paste = rest;
                }
                continue;
            }
            match read(rest, is_all) {
                Read::Whole(length, what) => {
                    told.extend(what);
                    rest = &rest[length..];
                }
                Read::Paste(length) => {
                    self.paste = Some(Vec::new());
                    rest = &rest[length..];
                }
                Read::Half if rest.len() > LONGEST => {
                    // Its end is still waited for, and tells nothing then.
                    self.buffer.extend_from_slice(b"\x1b[?");
                    return;
                }
                Read::Half => {
                    self.buffer.extend_from_slice(rest);
                    return;
                }
            }
        }
    }
}

/// Where text can be cut, at least so many bytes before its end, without cutting a character.
fn whole_characters(text: &[u8], before: usize) -> usize {
    let is_begin = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let last = text.len().saturating_sub(before);
    let longest = char::MAX.len_utf8() - 1;
    let mut places = (last.saturating_sub(longest)..=last).rev();
    places.find(is_begin).unwrap_or(last)
}

/// Reads the first thing; when that is all there is, a begin is whole.
fn read(bytes: &[u8], is_all: bool) -> Read {
    match bytes {
        [ESCAPE] if is_all => key(1, Key::plain(KeyCode::Esc)),
        // Twice the key, unless a sequence follows, which is that of a key with alt then.
        [ESCAPE, ESCAPE, b'[' | b'O', ..] => alt(read(&bytes[1..], is_all)),
        [ESCAPE, ESCAPE] if !is_all => Read::Half,
        [ESCAPE, ESCAPE, ..] => key(1, Key::plain(KeyCode::Esc)),
        [ESCAPE, b'[' | b'O'] if is_all => alt(read(&bytes[1..], true)),
        [ESCAPE] | [ESCAPE, b'[' | b'O'] => Read::Half,
        [ESCAPE, b'[', sequence @ ..] => match control_sequence(sequence) {
            // Cut short: nothing of it is text.
            Read::Half if is_all => Read::Whole(bytes.len(), None),
            Read::Half => Read::Half,
            Read::Whole(length, told) => Read::Whole(length + 2, told),
            Read::Paste(length) => Read::Paste(length + 2),
        },
        [ESCAPE, b'O', letter, ..] => {
            let told = lettered(char::from(*letter)).map(|code| Event::Key(Key::plain(code)));
            Read::Whole(3, told)
        }
        [ESCAPE, ..] => alt(read(&bytes[1..], is_all)),
        [byte @ (0..=0x1f | 0x7f), ..] => key(1, control_key(*byte)),
        _ => character(bytes, is_all),
    }
}

fn key(length: usize, key: Key) -> Read {
    Read::Whole(length, Some(Event::Key(key)))
}

/// The same with ESC before it.
fn alt(read: Read) -> Read {
    match read {
        Read::Whole(length, Some(Event::Key(key))) => {
            let key = Key { alt: true, ..key };
            Read::Whole(length + 1, Some(Event::Key(key)))
        }
        Read::Whole(length, told) => Read::Whole(length + 1, told),
        Read::Paste(length) => Read::Paste(length + 1),
        Read::Half => Read::Half,
    }
}

fn control_key(byte: u8) -> Key {
    let (ctrl, code) = match byte {
        b'\r' => (false, KeyCode::Enter),
        b'\t' => (false, KeyCode::Tab),
        0x7f => (false, KeyCode::Backspace),
        0 => (true, KeyCode::Char(' ')),
        1..=0x1a => (true, KeyCode::Char(char::from(byte | 0x60))),
        _ => (true, KeyCode::Char(char::from(byte | 0x40))),
    };
    Key {
        ctrl,
        ..Key::plain(code)
    }
}

fn character(bytes: &[u8], is_all: bool) -> Read {
    let first = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) if error.error_len().is_none() && !is_all => return Read::Half,
        Err(_) => return Read::Whole(1, None),
    };
    match valid.chars().next() {
        // Controls of the upper half are no text.
        Some(c) if c.is_control() => Read::Whole(c.len_utf8(), None),
        Some(c) => key(c.len_utf8(), Key::plain(KeyCode::Char(c))),
        None => Read::Whole(1, None),
    }
}

/// The keys that a letter stands for at the end of a sequence.
fn lettered(letter: char) -> Option<KeyCode> {
    Some(match letter {
        'A' => KeyCode::Up,
        'B' => KeyCode::Down,
        'C' => KeyCode::Right,
        'D' => KeyCode::Left,
        'F' => KeyCode::End,
        'H' => KeyCode::Home,
        'P' => KeyCode::F(1),
        'Q' => KeyCode::F(2),
        'R' => KeyCode::F(3),
        'S' => KeyCode::F(4),
        _ => {
            let found = KEYPAD_LETTERS.iter().find(|(_, known)| *known == letter);
            KeyCode::Keypad(found?.0)
        }
    })
}

/// The keys that a number stands for before `~`.
fn numbered(number: u32) -> Option<KeyCode> {
    let function = |number: u32, less: u32| u8::try_from(number - less).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(number, 10),
        17..=21 => function(number, 11),
        23..=26 => function(number, 12),
        28 | 29 => function(number, 13),
        31..=34 => function(number, 14),
        42..=45 => function(number, 21),
        _ => None,
    }
}

/// The keys that a number stands for where it is that of a character.
fn unicode(number: u32) -> Option<KeyCode> {
    let arrows = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
    ];
    let place = |first: u32| usize::try_from(number - first).ok();
    Some(match number {
        8 | 127 => KeyCode::Backspace,
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        KITTY_F13..57388 => KeyCode::F(u8::try_from(number - KITTY_F13).ok()? + 13),
        KITTY_KEYPAD..57417 => KeyCode::Keypad(KEYPAD.chars().nth(place(KITTY_KEYPAD)?)?),
        57417..57427 => *arrows.get(place(57417)?)?,
        // Keys that no serial line has, such as those of a player.
        57344..=63743 => return None,
        _ => KeyCode::Char(char::from_u32(number).filter(|c| !c.is_control())?),
    })
}

/// Reads what stands behind `ESC [`.
fn control_sequence(bytes: &[u8]) -> Read {
    let end = bytes.iter().position(|byte| !(0x20..0x40).contains(byte));
    let Some((end, last)) = end.and_then(|end| Some((end, *bytes.get(end)?))) else {
        return Read::Half;
    };
    let length = end + 1;
    // Not a sequence after all: what cuts it short is looked at by itself.
    if !(0x40..0x7f).contains(&last) {
        return Read::Whole(end, None);
    }
    match (&bytes[..end], last) {
        // The Linux console's first function keys.
        ([], b'[') => match bytes.get(1) {
            None => Read::Half,
            Some(letter @ b'A'..=b'E') => key(2, Key::plain(KeyCode::F(letter - b'A' + 1))),
            Some(_) => Read::Whole(1, None),
        },
        ([], b'M') => match bytes.get(1..4) {
            None => Read::Half,
            Some([number, column, row]) => {
                let place = |byte: u8| u16::from(byte.saturating_sub(33));
                let number = number.saturating_sub(32);
                let mouse = Mouse::read(number, false, place(*column), place(*row));
                Read::Whole(4, mouse.map(Event::Mouse))
            }
            Some(_) => Read::Whole(1, None),
        },
        ([b'2', b'0', b'0'], b'~') => Read::Paste(length),
        ([], b'I') => Read::Whole(length, Some(Event::Focus(true))),
        ([], b'O') => Read::Whole(length, Some(Event::Focus(false))),
        ([b'<', numbers @ ..], b'M' | b'm') => {
            let told = mouse(Numbers::read(numbers), 0, last == b'm');
            Read::Whole(length, told)
        }
        // Answers of the terminal, and what else carries a mark.
        ([b'<' | b'=' | b'>' | b'?', ..], _) => Read::Whole(length, None),
        (numbers, last) => {
            let numbers = Numbers::read(numbers);
            let told = match last {
                b'M' => mouse(numbers, 32, false),
                last => numbers.key(last).map(Event::Key),
            };
            Read::Whole(length, told)
        }
    }
}

fn mouse(numbers: Numbers, less: u32, up: bool) -> Option<Event> {
    let [number, column, row] = numbers.0;
    let place = |at: u32| u16::try_from(at.checked_sub(1)?).ok();
    let number = u8::try_from(number.0.checked_sub(less)?).ok()?;
    Mouse::read(number, up, place(column.0)?, place(row.0)?).map(Event::Mouse)
}

/// The numbers of a sequence, each with what stands behind a colon.
#[derive(Clone, Copy, Default)]
struct Numbers([(u32, u32); NUMBERS]);

impl Numbers {
    fn read(bytes: &[u8]) -> Self {
        let mut numbers = Self::default();
        let number = |bytes: Option<&[u8]>| {
            let text = std::str::from_utf8(bytes.unwrap_or_default());
            text.ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        for (into, part) in numbers.0.iter_mut().zip(bytes.split(|byte| *byte == b';')) {
            let mut parts = part.split(|byte| *byte == b':');
            *into = (number(parts.next()), number(parts.next()));
        }
        numbers
    }

    /// The key of a sequence that ends so; `None` for one that went up, and for no key.
    fn key(self, last: u8) -> Option<Key> {
        const RELEASE: u32 = 3;
        let [(first, shifted), (modifiers, event), (third, _)] = self.0;
        let shifts = |modifiers: u32| modifiers.saturating_sub(1) & 1 != 0;
        let (code, modifiers) = match (last, first) {
            (b'~', 27) => (unicode(third)?, modifiers),
            (b'~', number) => (numbered(number)?, modifiers),
            // A base key; what shift makes of it is told where the layout is known.
            (b'u', number) => match (unicode(number)?, char::from_u32(shifted)) {
                (KeyCode::Char(_), Some(c)) if shifts(modifiers) && !c.is_control() => {
                    (KeyCode::Char(c), modifiers)
                }
                (code, _) => (code, modifiers),
            },
            (b'Z', _) => (KeyCode::BackTab, modifiers),
            // Others are the place of the cursor.
            (b'R', 0 | 1) => (KeyCode::F(3), modifiers),
            (b'A'..=b'H' | b'P' | b'Q' | b'S', _) => (lettered(char::from(last))?, modifiers),
            _ => return None,
        };
        let bits = modifiers.saturating_sub(1);
        // Combinations with the desktop's own key are the desktop's.
        if event == RELEASE || bits & 0b1_1000 != 0 {
            return None;
        }
        let shift = shifts(modifiers);
        let code = match code {
            KeyCode::Char(c) if shift => KeyCode::Char(c.to_uppercase().next().unwrap_or(c)),
            code => code,
        };
        Some(Key {
            code,
            ctrl: bits & 4 != 0,
            alt: bits & 0b10_0010 != 0,
            shift,
        })
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;

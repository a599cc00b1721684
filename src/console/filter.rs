//! What of a guest's output reaches this terminal: what draws, moves and colours. What asks, sets
//! clipboards and titles, or hides in the midst of other sequences stays out.

use std::fmt::Write as _;

use vte::{Params, Parser, Perform};

use super::limit::Limit;
use super::sanitize::is_harmless;

/// Takes bytes split anywhere.
#[derive(Default)]
pub struct Filter {
    limit: Limit,
    parser: Parser,
    /// Nobody types while this is shown: what asks for replies or reports of keys stays out too.
    is_silent: bool,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}

impl Filter {
    /// For bytes that are only shown again: what asks the terminal, or changes what keys and mouse
    /// send or how wide the window is, stays out too, and a full reset is spelt so that it only clears.
    pub fn for_replay() -> Self {
        Self {
            is_silent: true,
            ..Self::default()
        }
    }

    /// What may pass of these bytes.
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = Kept {
            text: String::with_capacity(bytes.len()),
            is_silent: self.is_silent,
        };
        self.limit
            .pass(bytes, |run| self.parser.advance(&mut kept, run));
        kept.text.into_bytes()
    }
}

struct Kept {
    text: String,
    is_silent: bool,
}

/// A soft reset, and clearing: what is drawn of a full one.
const CLEARED: &str = "\x1b[!p\x1b[2J\x1b[H";

/// Those of [`MODES`] that only change what is drawn.
const DRAWN: [u16; 8] = [5, 6, 7, 25, 47, 1047, 1048, 1049];

/// Private modes that are the screen's own: cursor keys, origin, wrap, cursor, other screens, mouse,
/// bracketed paste, drawing at once.
const MODES: [u16; 20] = [
    1, 3, 5, 6, 7, 12, 25, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1048, 1049, 2004,
    2026,
];

impl Perform for Kept {
    fn print(&mut self, c: char) {
        if is_harmless(c) {
            self.text.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        if matches!(byte, 0x07..=0x0f) {
            self.text.push(char::from(byte));
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        let first = params
            .iter()
            .next()
            .and_then(|first| first.first())
            .copied();
        let passes = match (intermediates, action) {
            (
                [],
                'A'..='M'
                | 'P'
                | 'S'
                | 'T'
                | 'X'
                | 'Z'
                | '@'
                | '`'
                | 'a'
                | 'b'
                | 'd'..='h'
                | 'l'
                | 'm'
                | 'r'
                | 's'
                | 'u',
            )
            | ([b'?'], 'J' | 'K')
            | ([b' '], 'q')
            | ([b'!'], 'p') => true,
            // Where the cursor stands, the one question that shells ask.
            ([], 'n') => first == Some(6) && !self.is_silent,
            ([b'?'], 'h' | 'l') => {
                let modes: &[u16] = if self.is_silent { &DRAWN } else { &MODES };
                params.iter().all(|mode| modes.contains(&mode[0]))
            }
            _ => false,
        };
        if ignore || !passes {
            return;
        }
        let (lead, trail): (Vec<u8>, Vec<u8>) = intermediates
            .iter()
            .partition(|byte| (b'<'..=b'?').contains(*byte));
        self.text.push_str("\x1b[");
        self.text.extend(lead.into_iter().map(char::from));
        for (at, param) in params.iter().enumerate() {
            for (sub, number) in param.iter().enumerate() {
                let between = match (at, sub) {
                    (0, 0) => "",
                    (_, 0) => ";",
                    _ => ":",
                };
                // Writing to a string does not fail.
                let _ = write!(self.text, "{between}{number}");
            }
        }
        self.text.extend(trail.into_iter().map(char::from));
        self.text.push(action);
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        let passes = match intermediates {
            [] if byte == b'c' && self.is_silent && !ignore => {
                self.text.push_str(CLEARED);
                false
            }
            [] if matches!(byte, b'=' | b'>') => !self.is_silent,
            [] => matches!(byte, b'7' | b'8' | b'D' | b'E' | b'H' | b'M'),
            [b'(' | b')'] => matches!(byte, b'B' | b'0'),
            [b'#'] => byte == b'8',
            _ => false,
        };
        if passes && !ignore {
            self.text.push('\x1b');
            self.text
                .extend(intermediates.iter().copied().map(char::from));
            self.text.push(char::from(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_draws_passes_and_what_asks_or_sets_stays_out() {
        for (said, kept) in [
            ("plain äöü 漢\r\n\t\x07", "plain äöü 漢\r\n\t\x07"),
            ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            ("\x1b[38:2:1:2:3mx", "\x1b[38:2:1:2:3mx"),
            ("\x1b[2J\x1b[10;20H\x1b[K", "\x1b[2J\x1b[10;20H\x1b[0K"),
            ("\x1b[?1049h\x1b[?25l", "\x1b[?1049h\x1b[?25l"),
            (
                "\x1b[2 q\x1b(0q\x1b(B\x1b7\x1b8",
                "\x1b[2 q\x1b(0q\x1b(B\x1b7\x1b8",
            ),
            ("\x1b[6n", "\x1b[6n"),
            ("a\x1b]52;c;aGk=\x07b", "ab"),
            ("a\x1b]0;title\x1b\\b", "ab"),
            ("a\x1bP+q544e\x1b\\b", "ab"),
            ("a\x1b[cb\x1b[>cc\x1b[21td\x1b[?69he", "abcde"),
            ("a\x1bcb\x1b_x\x1b\\c\u{9b}31md", "abc31md"),
        ] {
            for cut in 0..said.len() {
                let mut filter = Filter::default();
                let (begin, end) = said.as_bytes().split_at(cut);
                let passed = [filter.pass(begin), filter.pass(end)].concat();
                let passed = String::from_utf8(passed).unwrap();
                // Another spelling of the same escape is as good.
                assert_eq!(passed, kept, "{said:?} at {cut}");
            }
        }
    }

    #[test]
    fn what_is_shown_again_asks_nothing_and_leaves_keys_and_mouse_alone() {
        let pass = |said: &str| String::from_utf8(Filter::for_replay().pass(said.as_bytes()));
        for silent in [
            "\x1b[6n",
            "\x1b[?1h",
            "\x1b[?1000h",
            "\x1b[?1006;1002h",
            "\x1b[?2004h",
            "\x1b[?3h",
            "\x1b=",
        ] {
            assert_eq!(pass(silent).unwrap(), "", "{silent:?}");
        }
        let drawn = "\x1b[?1049h\x1b[?25l\x1b[31mä\x1b[0m";
        assert_eq!(pass(drawn).unwrap(), drawn);
        assert_eq!(pass("a\x1bcb").unwrap(), format!("a{CLEARED}b"));
    }
}

//! What stands before `vte`: a bound on operating system commands, which it collects in memory until
//! they end, and whole characters, because it loses text behind one that came in two pieces.

const ESCAPE: u8 = 0x1b;
/// Ends any sequence.
const CANCEL: u8 = 0x18;

/// How many hexadecimal digits the Linux console takes after `ESC ] P`.
const PALETTE_DIGITS: usize = 7;

/// The longest operating system command that is passed on, in bytes; more of it is left out.
const LONGEST_COMMAND: usize = 1024;

/// Passes a stream on, but for what exceeds [`LONGEST_COMMAND`] of an operating system command
/// (`ESC ]` … BEL or ESC). Everything else `vte` parses in constant memory.
///
/// The Linux console's `ESC ] R` and `ESC ] P` with seven digits, which `TERM=linux` makes programs
/// send, have no terminator: taken for a command they would swallow all text up to the next escape.
/// They are left out, as xterm does (its resource `brokenLinuxOSC`).
///
/// A character of UTF-8 that is cut off by the end of a piece waits for its rest: `vte` 0.15 drops
/// the ASCII between a character in two pieces and the next one (`advance_partial_utf8`).
#[derive(Debug, Default)]
pub(super) struct Limit {
    state: State,
    /// The begin of a character whose rest has not come, and its length.
    torn: [u8; 4],
    torn_length: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Anything in which only an escape character matters.
    #[default]
    Other,
    Escape,
    /// Inside a command of which so many bytes were passed on.
    Command(usize),
    /// Inside a palette change of the Linux console of which so many digits are still to come.
    Palette(usize),
}

impl Limit {
    /// Hands to `take` what is to be passed on.
    pub(super) fn pass(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        let bytes = self.mend(bytes, &mut take);
        let (whole, torn) = bytes.split_at(bytes.len() - torn_length(bytes));
        self.pass_whole(whole, &mut take);
        if !torn.is_empty() {
            self.torn[..torn.len()].copy_from_slice(torn);
            self.torn_length = torn.len();
        }
    }

    /// Completes the torn character; returns the bytes that do not belong to it.
    fn mend<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let mut rest = bytes;
        while let (1.., Some((&byte, after))) = (self.torn_length, rest.split_first()) {
            self.torn[self.torn_length] = byte;
            match std::str::from_utf8(&self.torn[..=self.torn_length]) {
                // The byte does not go on with this character.
                Err(error) if error.error_len().is_some() => {}
                Err(_) => {
                    self.torn_length += 1;
                    rest = after;
                    continue;
                }
                Ok(_) => {
                    self.torn_length += 1;
                    rest = after;
                }
            }
            let torn = self.torn;
            let length = std::mem::take(&mut self.torn_length);
            self.pass_whole(&torn[..length], take);
        }
        rest
    }

    fn pass_whole(&mut self, bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        let mut begin = 0;
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Other => match bytes[at..].iter().position(|&byte| byte == ESCAPE) {
                    None => break,
                    Some(plain) => {
                        at += plain;
                        self.state = State::Escape;
                    }
                },
                State::Escape => self.state = after_escape(bytes[at]),
                State::Command(0) if matches!(bytes[at], b'P' | b'R') => {
                    if begin < at {
                        take(&bytes[begin..at]);
                    }
                    take(&[CANCEL]);
                    self.state = match bytes[at] {
                        b'P' => State::Palette(PALETTE_DIGITS),
                        _ => State::Other,
                    };
                    begin = at + 1;
                }
                State::Palette(1..) if bytes[at].is_ascii_hexdigit() => {
                    if let State::Palette(left) = &mut self.state {
                        *left -= 1;
                    }
                    begin = at + 1;
                }
                State::Palette(_) => {
                    self.state = State::Other;
                    continue;
                }
                State::Command(_) if ends_command(bytes[at]) => {
                    self.state = match bytes[at] {
                        ESCAPE => State::Escape,
                        _ => State::Other,
                    };
                }
                State::Command(length) if length < LONGEST_COMMAND => {
                    self.state = State::Command(length + 1);
                }
                State::Command(_) => {
                    if begin < at {
                        take(&bytes[begin..at]);
                    }
                    let excess = bytes[at..].iter().position(|&byte| ends_command(byte));
                    at = excess.map_or(bytes.len(), |excess| at + excess);
                    begin = at;
                    continue;
                }
            }
            at += 1;
        }
        if begin < bytes.len() {
            take(&bytes[begin..]);
        }
    }
}

/// The state after an escape character and this byte, as `vte` has it.
fn after_escape(byte: u8) -> State {
    match byte {
        b']' => State::Command(0),
        // Controls are executed and bytes beyond ASCII ignored inside an escape sequence.
        0x00..=0x17 | 0x19 | 0x1b..=0x1f | 0x7f..=0xff => State::Escape,
        _ => State::Other,
    }
}

/// BEL, CAN, SUB and ESC end a command; the last one begins its terminator.
fn ends_command(byte: u8) -> bool {
    matches!(byte, 0x07 | CANCEL | 0x1a | ESCAPE)
}

/// How many bytes at the end are the begin of a character whose rest is still to come: 0 to 3.
fn torn_length(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(lead) = tail.iter().rposition(|&byte| byte >= 0xc0) else {
        return 0;
    };
    let last = &tail[lead..];
    match std::str::from_utf8(last) {
        Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(chunks: &[&[u8]]) -> Vec<u8> {
        let mut limit = Limit::default();
        let mut out = Vec::new();
        for chunk in chunks {
            limit.pass(chunk, |run| {
                assert!(!run.is_empty());
                out.extend_from_slice(run);
            });
        }
        out
    }

    #[test]
    fn all_that_is_no_overlong_command_passes_unchanged() {
        let bytes = "a\x1b[31mb\x1b]0;tïtle\x07c\x1b]8;;x\x1b\\d\x1b(]e\x1b\x1b]2;f\x18g\x1bP+q544e\x1b\\é漢😀 x";
        assert_eq!(passed(&[bytes.as_bytes()]), bytes.as_bytes());
        for size in 1..5 {
            let chunks: Vec<&[u8]> = bytes.as_bytes().chunks(size).collect();
            assert_eq!(passed(&chunks), bytes.as_bytes());
        }
        let noise = b"\xc3\xc3\xa9\xff\xf0\x9f\x1b\xe2\x82A\xf0\xf0\x9f\x98\x80\x80\x80\xc3x";
        for size in 1..5 {
            let chunks: Vec<&[u8]> = noise.chunks(size).collect();
            assert_eq!(passed(&chunks), noise);
        }
    }

    #[test]
    fn a_character_in_two_pieces_comes_as_one() {
        let mut limit = Limit::default();
        let mut runs = Vec::new();
        for piece in [&b"a\xc3"[..], b"", b"\xa9b\xe6\xbc", b"\xa2", b"\xf0", b"c"] {
            limit.pass(piece, |run| runs.push(run.to_vec()));
        }
        let expected: [&[u8]; 6] = [b"a", b"\xc3\xa9", b"b", b"\xe6\xbc\xa2", b"\xf0", b"c"];
        assert_eq!(runs, expected);
    }

    #[test]
    fn the_linux_consoles_palette_swallows_no_text() {
        for (bytes, left) in [
            (&b"a\x1b]Rb"[..], &b"a\x1b]\x18b"[..]),
            (b"\x1b]P1ff00aabcd", b"\x1b]\x18bcd"),
            (b"\x1b]P1ff\x1b[mb", b"\x1b]\x18\x1b[mb"),
            (b"\x1b]R\x1b]0;t\x07", b"\x1b]\x18\x1b]0;t\x07"),
            (b"\x1b]0R\x07b", b"\x1b]0R\x07b"),
        ] {
            assert_eq!(passed(&[bytes]), left, "{}", bytes.escape_ascii());
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(passed(&single), left, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_endless_command_is_cut_and_what_follows_it_is_not() {
        let mut bytes = b"before\x1b]2;".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 5000));
        bytes.extend(b"\x07after");
        for size in [1, 7, 1024, 6000] {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            let out = passed(&chunks);
            assert_eq!(out.len(), b"before\x1b]\x07after".len() + LONGEST_COMMAND);
            assert!(out.ends_with(b"x\x07after"));
        }
    }
}

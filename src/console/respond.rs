//! What a terminal owes to the guest's queries.
//!
//! The responder parses the same bytes as the engine and stops behind each query, so that the
//! engine stands exactly there when it is asked; and at each repetition, so that it can be bounded.
//! Replies are made of fixed text and of numbers that the engine tells; nothing that the guest said
//! is ever said back to it, which is how terminals have been made to type commands (CVE-2003-0063,
//! CVE-2008-2383, CVE-2022-45872).

use vte::{Params, Parser, Perform};

use super::engine::Engine;

/// The most replies to one feed, and their most bytes.
const MOST_REPLIES: usize = 64;
const MOST_BYTES: usize = 4096;
/// The longest XTGETTCAP request that is looked at, in bytes, and the most names in it.
const LONGEST_REQUEST: usize = 256;
const MOST_NAMES: usize = 8;

/// Where the responder stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The guest asks something.
    Query(Query),
    /// DECSTR, which the engine does not know.
    SoftReset,
    /// REP, `CSI n b`: the character before is to be written so many times again, up to 65,535.
    Repeat(u16),
}

/// Something that the guest asked of its terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// DSR 5: is all well?
    Status,
    /// CPR, DSR 6: where is the cursor?
    Cursor {
        /// Asked in DEC's form, `CSI ? 6 n`.
        private: bool,
    },
    /// DA1: what are you?
    Attributes,
    /// DA2: which version?
    Version,
    /// DA3: which unit?
    Unit,
    /// XTVERSION: what is your name?
    Name,
    /// DECRQSS: how is this set? Nothing of it is told.
    Setting,
    /// DECRQM: is this mode set?
    Mode {
        /// Asked with `?`.
        private: bool,
        /// Its number.
        mode: u16,
    },
    /// `CSI 18 t`: how large is the text area, and `CSI 19 t`: how large is the whole screen? The
    /// same to us.
    Size {
        /// What the reply begins with: 8 for the area, 9 for the screen.
        what: u8,
    },
    /// DSR 15, 25, 26 and 53 or 55 with `?`: is there a printer, are user keys locked, which keyboard,
    /// is there a locator?
    Device {
        /// What the reply says: nothing of all that is there.
        reply: &'static str,
    },
    /// XTGETTCAP: what does terminfo say? Systemd asks for the name (`TN`) this way.
    Capabilities(Vec<Capability>),
}

/// A terminfo name as XTGETTCAP asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    /// `TN`: the terminal's name.
    Name,
    /// `Co`: how many colours.
    Colors,
    /// `RGB`: bits per channel of direct colour.
    Rgb,
    /// Another one.
    Unknown,
}

impl Query {
    fn answer(&self, engine: &Engine, out: &mut Vec<u8>) {
        let text = match self {
            Self::Status => "\x1b[0n".to_owned(),
            Self::Cursor { private } => {
                let (row, column) = engine.reported_cursor();
                let mark = if *private { "?" } else { "" };
                format!("\x1b[{mark}{};{}R", row + 1, column + 1)
            }
            // A VT220 with ANSI colour, and no claim of sixels or printers.
            Self::Attributes => "\x1b[?62;22c".to_owned(),
            Self::Version => "\x1b[>1;10;0c".to_owned(),
            Self::Unit => "\x1bP!|00000000\x1b\\".to_owned(),
            Self::Name => {
                concat!("\x1bP>|smolvm-tui(", env!("CARGO_PKG_VERSION"), ")\x1b\\").to_owned()
            }
            // Not valid: what is set would be told in the guest's own words.
            Self::Setting => "\x1bP0$r\x1b\\".to_owned(),
            Self::Mode { private, mode } => {
                let mark = if *private { "?" } else { "" };
                let state = match engine.is_mode_set(*private, *mode) {
                    None => 0,
                    Some(true) => 1,
                    Some(false) => 2,
                };
                format!("\x1b[{mark}{mode};{state}$y")
            }
            Self::Size { what } => {
                let size = engine.size();
                format!("\x1b[{what};{};{}t", size.rows(), size.columns())
            }
            Self::Device { reply } => format!("\x1b[?{reply}n"),
            Self::Capabilities(names) => names.iter().map(|name| name.answer()).collect(),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

impl Capability {
    fn named(hex: &[u8]) -> Self {
        match hex.to_ascii_lowercase().as_slice() {
            b"544e" => Self::Name,
            b"436f" => Self::Colors,
            b"524742" => Self::Rgb,
            _ => Self::Unknown,
        }
    }

    fn answer(self) -> &'static str {
        match self {
            // Name and value in hexadecimal: `TN=xterm-256color`, `Co=256`, `RGB=8`.
            Self::Name => "\x1bP1+r544e=787465726d2d323536636f6c6f72\x1b\\",
            Self::Colors => "\x1bP1+r436f=323536\x1b\\",
            Self::Rgb => "\x1bP1+r524742=38\x1b\\",
            Self::Unknown => "\x1bP0+r\x1b\\",
        }
    }
}

/// The replies to one feed.
#[derive(Debug, Default)]
pub(super) struct Replies {
    pub(super) bytes: Vec<u8>,
    count: usize,
}

impl Replies {
    pub(super) fn add(&mut self, query: &Query, engine: &Engine) {
        if self.count < MOST_REPLIES {
            let before = self.bytes.len();
            query.answer(engine, &mut self.bytes);
            if self.bytes.len() > MOST_BYTES {
                self.bytes.truncate(before);
            }
            self.count += 1;
        }
    }
}

/// Finds queries and repetitions in a stream.
#[derive(Default)]
pub(super) struct Responder {
    parser: Parser,
    seen: Seen,
}

impl Responder {
    /// Reads up to and including the next find: how many bytes that were, and what was found, which
    /// is nothing when there is none in `bytes`.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Option<Found>) {
        let read = self.parser.advance_until_terminated(&mut self.seen, bytes);
        (read, self.seen.found.take())
    }
}

#[derive(Default)]
struct Seen {
    found: Option<Found>,
    /// The bytes of an XTGETTCAP request under way.
    request: Option<Vec<u8>>,
    /// A DECRQSS request is under way.
    asks_setting: bool,
}

impl Perform for Seen {
    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], ignore: bool, action: char) {
        if ignore {
            return;
        }
        let first = params
            .iter()
            .next()
            .and_then(|param| param.first())
            .copied()
            .unwrap_or(0);
        let query = match (action, marks, first) {
            ('b', [], count) => {
                self.found = Some(Found::Repeat(count.max(1)));
                return;
            }
            ('p', [b'!'], _) => {
                self.found = Some(Found::SoftReset);
                return;
            }
            ('n', [], 5) => Query::Status,
            ('n', [], 6) => Query::Cursor { private: false },
            ('n', [b'?'], 6) => Query::Cursor { private: true },
            ('c', [], 0) => Query::Attributes,
            ('c', [b'>'], 0) => Query::Version,
            ('c', [b'='], 0) => Query::Unit,
            ('q', [b'>'], 0) => Query::Name,
            ('p', [b'$'], mode) => Query::Mode {
                private: false,
                mode,
            },
            ('p', [b'?', b'$'], mode) => Query::Mode {
                private: true,
                mode,
            },
            ('n', [b'?'], 15) => Query::Device { reply: "13" },
            ('n', [b'?'], 25) => Query::Device { reply: "21" },
            ('n', [b'?'], 26) => Query::Device { reply: "27;1" },
            ('n', [b'?'], 53 | 55) => Query::Device { reply: "53" },
            ('t', [], 18) => Query::Size { what: 8 },
            ('t', [], 19) => Query::Size { what: 9 },
            _ => return,
        };
        self.found = Some(Found::Query(query));
    }

    fn esc_dispatch(&mut self, marks: &[u8], _ignore: bool, byte: u8) {
        if byte == b'Z' && marks.is_empty() {
            self.found = Some(Found::Query(Query::Attributes));
        }
    }

    fn hook(&mut self, _params: &Params, marks: &[u8], ignore: bool, action: char) {
        self.request = (!ignore && marks == [b'+'] && action == 'q').then(Vec::new);
        self.asks_setting = !ignore && marks == [b'$'] && action == 'q';
    }

    fn put(&mut self, byte: u8) {
        match &mut self.request {
            Some(request) if request.len() < LONGEST_REQUEST => request.push(byte),
            request => *request = None,
        }
    }

    fn unhook(&mut self) {
        if std::mem::take(&mut self.asks_setting) {
            self.found = Some(Found::Query(Query::Setting));
        }
        if let Some(request) = self.request.take() {
            let names = request.split(|&byte| byte == b';').take(MOST_NAMES);
            let names = names.map(Capability::named).collect();
            self.found = Some(Found::Query(Query::Capabilities(names)));
        }
    }

    fn terminated(&self) -> bool {
        self.found.is_some()
    }
}

#[cfg(test)]
#[path = "respond_tests.rs"]
mod tests;

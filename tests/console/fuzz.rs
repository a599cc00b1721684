//! Hostile streams for the whole console: engine, responder, reader, painter and pane.
//!
//! A case is a stream of bytes; everything else (sizes, splits, resizes, what is looked at) follows
//! from its checksum, so that a file of bytes is all it takes to see a failure again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fastrand::Rng;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use smolvm_tui::console::reader::Text as _;
use smolvm_tui::console::{Screen, Size, Terminal, cells};
use unicode_width::UnicodeWidthStr as _;

#[path = "../../src/console/noise.rs"]
mod noise;

/// The most that a reply to one feed has, in bytes.
const MOST_REPLIES: usize = 4096;
/// The longest stream of a case, in bytes.
const LONGEST: usize = 16 * 1024;

/// Makes streams of what programs really wrote, of words of the grammar, and of both mixed up.
pub(crate) struct Mutator {
    random: Rng,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    pub(crate) fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        Self {
            random: Rng::with_seed(seed),
            seeds,
        }
    }

    pub(crate) fn stream(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.random.usize(1..12) {
            if self.random.u8(0..3) == 0 && !self.seeds.is_empty() {
                let seed = &self.seeds[self.random.usize(0..self.seeds.len())];
                let from = self.random.usize(0..seed.len().max(1));
                let length = self.random.usize(0..200).min(seed.len() - from);
                bytes.extend_from_slice(&seed[from..from + length]);
            } else {
                for _ in 0..self.random.usize(1..12) {
                    noise::push_word(&mut self.random, &mut bytes);
                }
            }
        }
        for _ in 0..self.random.usize(0..4) {
            self.mutate(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        let at = random.usize(0..=bytes.len());
        match random.u8(0..6) {
            // One byte another.
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            // A number another.
            1 => {
                if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                    let number = *random
                        .choice(["0", "1", "65535", "99999999999", "2", "255"].iter())
                        .unwrap();
                    bytes.splice(at + digit..=at + digit, number.bytes());
                }
            }
            // A piece again and again.
            2 => {
                let end = (at + random.usize(0..40)).min(bytes.len());
                let piece = bytes[at..end].repeat(random.usize(1..60));
                bytes.splice(at..at, piece);
            }
            // A piece gone.
            3 => {
                let end = (at + random.usize(0..40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => bytes.truncate(at),
            _ => {
                let mut word = Vec::new();
                noise::push_word(random, &mut word);
                bytes.splice(at..at, word);
            }
        }
    }
}

/// Feeds the stream and looks at everything; says what went wrong. It takes as long as returned.
pub(crate) fn run(bytes: &[u8]) -> Result<Duration, String> {
    let begun = Instant::now();
    match catch_unwind(AssertUnwindSafe(|| feed(bytes))) {
        Ok(Ok(())) => Ok(begun.elapsed()),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err("a panic".to_owned()),
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Mostly small ones, where the borders are; 1×1 and 500×200 too.
fn size(random: &mut Rng) -> Size {
    match random.u8(0..20) {
        0 => Size::new(1, 1),
        1 => Size::new(200, 500),
        2 => Size::DEFAULT,
        _ => Size::new(random.u16(0..30), random.u16(0..90)),
    }
}

fn feed(bytes: &[u8]) -> Result<(), String> {
    let mut random = Rng::with_seed(checksum(bytes));
    let scrollback = random.usize(0..80);
    let mut terminal = Terminal::new(size(&mut random), scrollback);
    let mut screen = Screen::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let longest = if random.bool() {
            rest.len()
        } else {
            rest.len().min(200)
        };
        let (piece, after) = rest.split_at(random.usize(1..=longest));
        rest = after;
        let replies = terminal.feed_answering(piece);
        if replies.len() > MOST_REPLIES {
            return Err(format!("{} bytes of replies", replies.len()));
        }
        if random.u8(0..6) == 0 {
            terminal.resize(size(&mut random));
        }
        if terminal.failures() > 0 {
            return Err("the engine failed".to_owned());
        }
        if terminal.scrollback() > scrollback {
            return Err(format!(
                "{} lines of scrollback, {scrollback} asked for",
                terminal.scrollback()
            ));
        }
    }
    for offset in [0, random.usize(0..100)] {
        terminal.view(offset, &mut screen);
        consistent(&screen, terminal.size())?;
        inert(&screen.ansi())?;
        pane(&screen, &mut random)?;
    }
    let mut text = String::new();
    for row in terminal.rows() {
        text.clear();
        terminal.row(row, &mut text);
        if text.width() > usize::from(terminal.size().columns()) {
            return Err(format!("row {row} is wider than the screen: {text:?}"));
        }
    }
    Ok(())
}

/// Text of one or two columns in every cell, an empty one behind each wide one and nowhere else.
fn consistent(screen: &Screen, size: Size) -> Result<(), String> {
    if screen.rows.len() != usize::from(size.rows()) {
        return Err(format!("{} rows on {size}", screen.rows.len()));
    }
    for (number, row) in screen.rows.iter().enumerate() {
        let mut behind_wide = false;
        for cell in row {
            let width = cell.text.width();
            let is_bounded = width <= 2 && cell.text.chars().count() <= 5;
            if behind_wide != (width == 0) || !is_bounded || cell.text.contains(char::is_control) {
                return Err(format!("the cell {:?} in row {number}", cell.text));
            }
            behind_wide = width == 2;
        }
        if behind_wide || row.len() != usize::from(size.columns()) {
            return Err(format!("{} columns in row {number} on {size}", row.len()));
        }
    }
    match screen.cursor {
        Some(cursor) if cursor.row >= size.rows() || cursor.column >= size.columns() => {
            Err(format!("the cursor is outside: {cursor:?}"))
        }
        _ => Ok(()),
    }
}

/// What is painted for a host terminal has text, styles and movements, and nothing else.
fn inert(painted: &str) -> Result<(), String> {
    let mut rest = painted;
    while let Some(at) = rest.find(char::is_control) {
        rest = &rest[at..];
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        let sequence = &rest[..=end];
        let body = sequence.strip_prefix("\x1b[").unwrap_or("!");
        let is_known = body.ends_with(['m', 'H', 'J', 'q', 'h', 'l'])
            && body
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, ';' | '?' | ' '));
        if !is_known {
            return Err(format!("painted {sequence:?}"));
        }
        rest = &rest[sequence.len()..];
    }
    Ok(())
}

/// Draws the pane, smaller or larger than the screen.
fn pane(screen: &Screen, random: &mut Rng) -> Result<(), String> {
    let whole = Rect::new(0, 0, random.u16(1..120), random.u16(1..50));
    let area = Rect::new(
        random.u16(0..9),
        random.u16(0..9),
        random.u16(0..100),
        random.u16(0..40),
    );
    let area = area.intersection(whole);
    let mut buffer = Buffer::empty(whole);
    let cursor = cells::draw(screen, &mut buffer, area, random.bool());
    match cursor {
        Some(cursor) if !area.contains(cursor) => {
            Err(format!("the pane's cursor is outside: {cursor}"))
        }
        _ => Ok(()),
    }
}

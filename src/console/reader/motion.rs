//! Where the cursor can go, in the words of vi.

use super::line::{Line, width};
use super::{Place, Reader, Text};

/// A movement of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// A character to the left.
    Left,
    /// A character to the right.
    Right,
    /// So many rows down; more than one move the view along.
    Rows(i64),
    /// The beginning of the next word.
    WordForward,
    /// The beginning of this word, or of the one before.
    WordBack,
    /// The end of this word, or of the next one.
    WordEnd,
    /// The first column.
    RowBegin,
    /// The last character of the row.
    RowEnd,
    /// The first row.
    Top,
    /// The last row that has text.
    Bottom,
    /// The topmost row of the view.
    ViewTop,
    /// The row in the middle of the view.
    ViewMiddle,
    /// The last row of the view.
    ViewBottom,
    /// The next row that is marked, if there is one.
    NextMark,
    /// The one before.
    PreviousMark,
}

impl Motion {
    /// Whether the cursor returns to its column where rows are long enough.
    pub(super) fn keeps_column(self) -> bool {
        matches!(self, Self::Rows(_))
    }
}

/// Where the cursor goes; the reader keeps it within the text.
pub(super) fn target(reader: &Reader, text: &impl Text, motion: Motion) -> Place {
    let here = reader.cursor;
    let rows = text.rows();
    let begin_of = |row| Place { row, column: 0 };
    let marked = |row: &i64| text.is_marked(*row);
    match motion {
        Motion::NextMark => {
            let next = (here.row + 1..rows.end).find(marked);
            next.map_or(here, begin_of)
        }
        Motion::PreviousMark => {
            let before = (rows.start..here.row).rev().find(marked);
            before.map_or(here, begin_of)
        }
        Motion::Left => Place {
            column: here.column.saturating_sub(1),
            ..here
        },
        Motion::Right => {
            let line = Line::at(text, here.row);
            let next = line.byte(here) + char_at(&line, here);
            match line.place(next) {
                place if place.row == here.row => place,
                _ => here,
            }
        }
        Motion::Rows(by) => Place {
            row: here.row.saturating_add(by),
            ..here
        },
        Motion::WordForward => word(text, here, forward),
        Motion::WordEnd => word(text, here, end),
        Motion::WordBack => word_back(text, here),
        Motion::RowBegin => begin_of(here.row),
        Motion::RowEnd => {
            let mut row = String::new();
            text.row(here.row, &mut row);
            Place {
                column: width(&row).saturating_sub(1),
                ..here
            }
        }
        Motion::Top => begin_of(rows.start),
        Motion::Bottom => {
            let mut row = String::new();
            let last = rows.clone().rev().find(|number| {
                row.clear();
                text.row(*number, &mut row);
                !row.is_empty()
            });
            begin_of(last.unwrap_or(rows.end - 1))
        }
        Motion::ViewTop => begin_of(reader.top),
        Motion::ViewMiddle => begin_of(reader.top + reader.height / 2),
        Motion::ViewBottom => begin_of(reader.top + reader.height - 1),
    }
}

/// The bytes of the character at that place, with its combining ones.
fn char_at(line: &Line, place: Place) -> usize {
    let byte = line.byte(place);
    let rest = line.text.get(byte..).unwrap_or("");
    let next = (1..=rest.len())
        .filter(|length| rest.is_char_boundary(*length))
        .find(|length| {
            rest.get(*length..)
                .is_none_or(|rest| width_of_first(rest) > 0)
        });
    next.unwrap_or(0)
}

fn width_of_first(text: &str) -> usize {
    text.chars()
        .next()
        .map_or(1, |first| width(first.encode_utf8(&mut [0; 4])))
}

/// What a character is to a word: blank, part of a name, or another sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Name,
    Sign,
}

fn class(character: char) -> Class {
    match character {
        c if c.is_whitespace() => Class::Blank,
        c if c.is_alphanumeric() || c == '_' || width(c.encode_utf8(&mut [0; 4])) == 0 => {
            Class::Name
        }
        _ => Class::Sign,
    }
}

/// Goes on in this line, else in the next ones that have a word.
fn word(text: &impl Text, here: Place, go: fn(&str, Option<usize>) -> Option<usize>) -> Place {
    let line = Line::at(text, here.row);
    if let Some(byte) = go(&line.text, Some(line.byte(here))) {
        return line.place(byte);
    }
    let mut next = line.end();
    while next < text.rows().end {
        let line = Line::from(text, next);
        if let Some(byte) = go(&line.text, None) {
            return line.place(byte);
        }
        next = line.end();
    }
    here
}

/// The beginning of the word after that byte, or of the first one.
fn forward(text: &str, from: Option<usize>) -> Option<usize> {
    starts(text).find(|start| from.is_none_or(|from| *start > from))
}

/// The last character of the first word that ends after that byte.
fn end(text: &str, from: Option<usize>) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((byte, character)) = characters.next() {
        let ends = characters
            .peek()
            .is_none_or(|(_, next)| class(*next) != class(character));
        let is_past = from.is_none_or(|from| byte > from);
        if ends && is_past && class(character) != Class::Blank {
            return Some(byte);
        }
    }
    None
}

/// Where words begin.
fn starts(text: &str) -> impl DoubleEndedIterator<Item = usize> {
    let mut before = Class::Blank;
    let starts: Vec<usize> = text
        .char_indices()
        .filter_map(|(byte, character)| {
            let is = class(character);
            let begins = is != before && is != Class::Blank;
            before = is;
            begins.then_some(byte)
        })
        .collect();
    starts.into_iter()
}

fn word_back(text: &impl Text, here: Place) -> Place {
    let line = Line::at(text, here.row);
    let byte = line.byte(here);
    if let Some(start) = starts(&line.text).rfind(|start| *start < byte) {
        return line.place(start);
    }
    let mut end = line.first;
    while end > text.rows().start {
        let line = Line::before(text, end);
        if let Some(start) = starts(&line.text).next_back() {
            return line.place(start);
        }
        end = line.first;
    }
    here
}

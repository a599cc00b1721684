//! Lines, which the terminal may have broken into rows, and the columns in them.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::{Place, Span, Text};

/// Rows of one line that are searched together: a guest may never end its line.
pub(super) const MOST_ROWS: i64 = 64;

/// A line with its rows joined.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Its first row.
    pub(super) first: i64,
    pub(super) text: String,
    /// Where each row begins in the text.
    starts: Vec<usize>,
}

/// The first row of the line that this row belongs to, at most so many rows before it.
pub(super) fn first_row(text: &impl Text, mut row: i64, most: i64) -> i64 {
    let start = text.rows().start.max(row.saturating_sub(most - 1));
    let mut scrap = String::new();
    while row > start {
        scrap.clear();
        if !text.row(row - 1, &mut scrap) {
            break;
        }
        row -= 1;
    }
    row
}

/// The last row of the line that this row belongs to, at most so many rows after it.
pub(super) fn last_row(text: &impl Text, mut row: i64, most: i64) -> i64 {
    let end = text.rows().end.min(row.saturating_add(most)) - 1;
    let mut scrap = String::new();
    while row < end {
        scrap.clear();
        if !text.row(row, &mut scrap) {
            break;
        }
        row += 1;
    }
    row
}

impl Line {
    /// The line that begins at this row.
    pub(super) fn from(text: &impl Text, first: i64) -> Self {
        let mut line = Self {
            first,
            ..Self::default()
        };
        let end = text.rows().end.min(first + MOST_ROWS);
        for row in first..end.max(first + 1) {
            line.starts.push(line.text.len());
            if !text.row(row, &mut line.text) {
                break;
            }
        }
        line
    }

    /// The line that this row belongs to.
    pub(super) fn at(text: &impl Text, row: i64) -> Self {
        Self::from(text, first_row(text, row, MOST_ROWS))
    }

    /// The line that ends before this row.
    pub(super) fn before(text: &impl Text, end: i64) -> Self {
        let mut line = Self {
            first: first_row(text, end - 1, MOST_ROWS),
            ..Self::default()
        };
        for row in line.first..end {
            line.starts.push(line.text.len());
            text.row(row, &mut line.text);
        }
        line
    }

    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.starts.len()).unwrap_or(i64::MAX)
    }

    /// The row after the last one.
    pub(super) fn end(&self) -> i64 {
        self.first + self.rows()
    }

    /// The bytes of a row.
    fn row(&self, index: usize) -> Range<usize> {
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        let end = self.starts.get(index + 1).copied();
        start..end.unwrap_or(self.text.len())
    }

    /// Where that byte is.
    pub(super) fn place(&self, byte: usize) -> Place {
        let index = self.starts.partition_point(|start| *start <= byte).max(1) - 1;
        let row = self.row(index);
        let before = self.text.get(row.start..byte.min(row.end)).unwrap_or("");
        Place {
            row: self.first + i64::try_from(index).unwrap_or(0),
            column: width(before),
        }
    }

    /// The byte at that place; past the end of its row, the end of it.
    pub(super) fn byte(&self, place: Place) -> usize {
        let index = usize::try_from(place.row - self.first).unwrap_or(0);
        let row = self.row(index);
        let text = self.text.get(row.clone()).unwrap_or("");
        row.start + byte_at(text, place.column)
    }

    /// The columns of those bytes, row by row, as far as they are in view.
    pub(super) fn spans(&self, bytes: Range<usize>, view: Range<i64>, spans: &mut Vec<Span>) {
        for (index, number) in (0..self.starts.len()).zip(self.first..) {
            let row = self.row(index);
            let (start, end) = (bytes.start.max(row.start), bytes.end.min(row.end));
            if start >= end || !view.contains(&number) {
                continue;
            }
            let column = |byte| {
                let text = self.text.get(row.start..byte).unwrap_or("");
                u16::try_from(width(text)).unwrap_or(u16::MAX)
            };
            spans.push(Span {
                row: u16::try_from(number - view.start).unwrap_or(u16::MAX),
                columns: column(start)..column(end),
            });
        }
    }
}

/// The columns of a text.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The characters of a row, each with its byte, its column and its width; combining ones belong to
/// the character before them.
fn cells(row: &str) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut next = 0;
    row.char_indices().filter_map(move |(byte, character)| {
        let wide = character.width().unwrap_or(0);
        let column = next;
        next += wide;
        (wide > 0).then_some((byte, column, wide))
    })
}

/// The byte of the character at a column; past the end, the end.
fn byte_at(row: &str, column: usize) -> usize {
    cells(row)
        .find(|(_, begin, wide)| begin + wide > column)
        .map_or(row.len(), |(byte, _, _)| byte)
}

/// The column of the character at or before that column.
pub(super) fn snap(row: &str, column: usize) -> usize {
    cells(row)
        .take_while(|(_, begin, _)| *begin <= column)
        .last()
        .map_or(0, |(_, begin, _)| begin)
}

/// The columns of a row between two places, both included, cut to its text.
pub(super) fn columns(row: &str, number: i64, begin: Place, end: Place) -> Range<usize> {
    let (from, to) = bytes(row, number, begin, end);
    let before = row.get(..from).map_or(0, width);
    before..before + row.get(from..to).map_or(0, width)
}

/// The text of a row between two places, both included.
pub(super) fn cut(row: &str, number: i64, begin: Place, end: Place) -> &str {
    let (from, to) = bytes(row, number, begin, end);
    row.get(from..to).unwrap_or("")
}

fn bytes(row: &str, number: i64, begin: Place, end: Place) -> (usize, usize) {
    let from = if number == begin.row {
        byte_at(row, begin.column)
    } else {
        0
    };
    let to = if number == end.row {
        cells(row)
            .find(|(_, column, _)| *column > end.column)
            .map_or(row.len(), |(byte, _, _)| byte)
    } else {
        row.len()
    };
    (from, to.max(from))
}

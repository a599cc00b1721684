//! A screen as plain data: what the dashboard draws, what `screen` prints.

use std::fmt;

/// Rows and columns; never below 2×2, because engines fall over smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    rows: u16,
    columns: u16,
}

impl Size {
    /// A serial line's traditional size.
    pub const DEFAULT: Self = Self {
        rows: 24,
        columns: 80,
    };

    /// A size, clamped to what the engine bears: 2 to 1000 rows and columns.
    pub fn new(rows: u16, columns: u16) -> Self {
        Self {
            rows: rows.clamp(2, 1000),
            columns: columns.clamp(2, 1000),
        }
    }

    /// Rows.
    pub fn rows(self) -> u16 {
        self.rows
    }

    /// Columns.
    pub fn columns(self) -> u16 {
        self.columns
    }
}

impl fmt::Display for Size {
    /// Columns and rows, as terminals are spoken of: `80x24`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

/// A colour as the guest chose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Color {
    /// The terminal's own.
    #[default]
    Default,
    /// One of the 256: 0–7 normal, 8–15 bright, then cube and greys.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How a cell's text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent attribute of a terminal"
)]
pub struct Attributes {
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined, of any kind.
    pub underline: bool,
    /// Foreground and background exchanged.
    pub inverse: bool,
    /// Not shown.
    pub hidden: bool,
    /// Struck through.
    pub strike: bool,
    /// Blinking.
    pub blink: bool,
}

/// One of the [`Attributes`]; its number is its parameter of SGR (ECMA-48, 8.3.117).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// [`Attributes::bold`].
    Bold = 1,
    /// [`Attributes::dim`].
    Dim = 2,
    /// [`Attributes::italic`].
    Italic = 3,
    /// [`Attributes::underline`].
    Underline = 4,
    /// [`Attributes::blink`].
    Blink = 5,
    /// [`Attributes::inverse`].
    Inverse = 7,
    /// [`Attributes::hidden`].
    Hidden = 8,
    /// [`Attributes::strike`].
    Strike = 9,
}

impl Attributes {
    /// Those that are set, in the order of their numbers.
    pub fn set(self) -> impl Iterator<Item = Attribute> {
        let Self {
            bold,
            dim,
            italic,
            underline,
            inverse,
            hidden,
            strike,
            blink,
        } = self;
        [
            (bold, Attribute::Bold),
            (dim, Attribute::Dim),
            (italic, Attribute::Italic),
            (underline, Attribute::Underline),
            (blink, Attribute::Blink),
            (inverse, Attribute::Inverse),
            (hidden, Attribute::Hidden),
            (strike, Attribute::Strike),
        ]
        .into_iter()
        .filter_map(|(is_set, attribute)| is_set.then_some(attribute))
    }
}

/// One cell. The cell after a wide one has an empty text and is skipped when drawing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The character with its combining ones; a blank is a space.
    pub text: String,
    /// Foreground.
    pub foreground: Color,
    /// Background.
    pub background: Color,
    /// Attributes.
    pub attributes: Attributes,
}

/// The form of the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CursorShape {
    /// A filled cell.
    #[default]
    Block,
    /// A line below.
    Underline,
    /// A line at the left.
    Bar,
}

/// Where the cursor stands, when it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Row from the top, from 0.
    pub row: u16,
    /// Column from the left, from 0.
    pub column: u16,
    /// Its form.
    pub shape: CursorShape,
}

/// The visible part of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// The rows from the top, each with as many cells as the terminal has columns.
    pub rows: Vec<Vec<Cell>>,
    /// The cursor, when it is shown and inside the view.
    pub cursor: Option<Cursor>,
    /// How many lines of the past are above the topmost line of the live screen.
    pub scrollback: usize,
    /// How many lines the view is scrolled back; 0 is live.
    pub offset: usize,
}

impl Screen {
    /// The screen as plain text: one line a row, each ended by a newline, trailing blanks cut.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let begin = text.len();
            text.extend(row.iter().map(|cell| cell.text.as_str()));
            let end = begin + text[begin..].trim_end_matches(' ').len();
            text.truncate(end);
            text.push('\n');
        }
        text
    }

    /// Whether the cursor stands behind what looks like a shell's prompt (`…# `, `…$ ` or `…% `) and
    /// nothing is written behind or below it. A guess, and a careful one: editors and pagers fill
    /// the screen below, and what other prompts (`> `) read is not a shell's.
    pub fn ends_in_prompt(&self) -> bool {
        let Some(cursor) = self.cursor else {
            return false;
        };
        let (row, column) = (usize::from(cursor.row), usize::from(cursor.column));
        let Some(line) = self.rows.get(row) else {
            return false;
        };
        let is_blank = |cells: &[Cell]| cells.iter().all(|cell| cell.text.trim().is_empty());
        let (before, behind) = line.split_at(column.min(line.len()));
        let rest = self.rows.get(row + 1..).unwrap_or_default();
        let prompt: String = before.iter().map(|cell| cell.text.as_str()).collect();
        is_blank(behind)
            && rest.iter().all(|row| is_blank(row))
            && ["# ", "$ ", "% "].iter().any(|end| prompt.ends_with(end))
            && !prompt.starts_with([':', '/', '?'])
    }

    /// The screen as bytes that draw it on a terminal of at least its size, cursor included. They
    /// are all our own: SGR, cursor movements, and text without controls.
    pub fn ansi(&self) -> String {
        super::paint::paint(self)
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;

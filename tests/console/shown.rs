//! The screen of a terminal as lines that can be compared and kept.

use std::fmt::Write as _;

use smolvm_tui::console::{Attributes, Cell, Color, Screen, Terminal};

/// A screen as text. A row has its text and, on a second line, the styles of its cells, as far as
/// they have one: `0-7=BU,f2,b#102030` is bold and underlined in green on a blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Row and column, or `hidden`.
    pub(crate) cursor: String,
    /// From the top.
    pub(crate) rows: Vec<String>,
}

impl Shown {
    /// What the terminal shows.
    pub(crate) fn of(terminal: &Terminal) -> Self {
        let mut screen = Screen::default();
        terminal.view(0, &mut screen);
        let at = |cursor: smolvm_tui::console::Cursor| format!("{},{}", cursor.row, cursor.column);
        Self {
            cursor: screen.cursor.map_or("hidden".to_owned(), at),
            rows: screen.rows.iter().map(|row| shown_row(row)).collect(),
        }
    }

    /// Where another screen differs, in words.
    pub(crate) fn differences(&self, expected: &Self, told: &str) -> Vec<String> {
        let rows = self.rows.iter().zip(&expected.rows).enumerate();
        let mut differences: Vec<String> = rows
            .filter(|(_, (ours, theirs))| ours != theirs)
            .map(|(number, (ours, theirs))| {
                format!("{told}, row {number}:\n  ours   {ours}\n  theirs {theirs}\n")
            })
            .collect();
        if self.cursor != expected.cursor {
            let (ours, theirs) = (&self.cursor, &expected.cursor);
            differences.push(format!("{told}, cursor: ours {ours}, theirs {theirs}\n"));
        }
        differences
    }
}

fn shown_row(row: &[Cell]) -> String {
    let text: String = row.iter().map(|cell| cell.text.as_str()).collect();
    let mut shown = text.trim_end_matches(' ').to_owned();
    let styles: Vec<String> = row.iter().map(style).collect();
    let mut begin = 0;
    let mut separator = "\n  ";
    for run in styles.chunk_by(|one, other| one == other) {
        if !run[0].is_empty() {
            let end = begin + run.len() - 1;
            write!(shown, "{separator}{begin}-{end}={}", run[0]).unwrap();
            separator = " ";
        }
        begin += run.len();
    }
    shown
}

fn style(cell: &Cell) -> String {
    let Attributes {
        bold,
        dim,
        italic,
        underline,
        inverse,
        hidden,
        strike,
        blink,
    } = cell.attributes;
    let letters: String = [
        (bold, 'B'),
        (dim, 'D'),
        (italic, 'I'),
        (underline, 'U'),
        (blink, 'K'),
        (inverse, 'V'),
        (hidden, 'H'),
        (strike, 'S'),
    ]
    .into_iter()
    .filter_map(|(set, letter)| set.then_some(letter))
    .collect();
    let foreground = color('f', cell.foreground);
    let background = color('b', cell.background);
    let parts = [letters, foreground, background];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(",")
}

fn color(mark: char, color: Color) -> String {
    match color {
        Color::Default => String::new(),
        Color::Indexed(index) => format!("{mark}{index}"),
        Color::Rgb(red, green, blue) => format!("{mark}#{red:02x}{green:02x}{blue:02x}"),
    }
}

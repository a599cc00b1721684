//! What is selected, and its text.

use super::{Kind, Place, Reader, Span, Text, line};

impl Reader {
    /// The two ends of the selection, in order; of lines from the first column of the first row on.
    fn ends(&self, text: &impl Text) -> Option<(Place, Place)> {
        let (anchor, kind) = self.anchor?;
        let (begin, end) = (anchor.min(self.cursor), anchor.max(self.cursor));
        Some(match kind {
            Kind::Cells => (begin, end),
            Kind::Lines => {
                let first = line::first_row(text, begin.row, i64::MAX);
                let last = line::last_row(text, end.row, i64::MAX);
                let place = |row, column| Place { row, column };
                (place(first, 0), place(last, usize::MAX))
            }
        })
    }

    pub(super) fn selected(&self, text: &impl Text) -> Vec<Span> {
        let Some((begin, end)) = self.ends(text) else {
            return Vec::new();
        };
        let mut spans = Vec::new();
        let mut row = String::new();
        for number in begin.row.max(self.top)..=end.row.min(self.top + self.height - 1) {
            row.clear();
            text.row(number, &mut row);
            let columns = line::columns(&row, number, begin, end);
            // An empty row of the selection is seen too.
            let last = columns.end.max(columns.start + 1);
            let cell = |column: usize| u16::try_from(column).unwrap_or(u16::MAX);
            spans.push(Span {
                row: u16::try_from(number - self.top).unwrap_or(u16::MAX),
                columns: cell(columns.start)..cell(last),
            });
        }
        spans
    }

    /// The selected text, or without a selection the line of the cursor: rows of one line joined,
    /// no blanks at the end of lines. `None` when it is longer than `most` bytes.
    pub fn copied(&self, text: &impl Text, most: usize) -> Option<String> {
        let (begin, end) = match self.ends(text) {
            Some(ends) => ends,
            None => Self {
                anchor: Some((self.cursor, Kind::Lines)),
                ..self.clone()
            }
            .ends(text)?,
        };
        let mut copied = String::new();
        let mut row = String::new();
        for number in begin.row..=end.row {
            row.clear();
            let wraps = text.row(number, &mut row);
            copied.push_str(line::cut(&row, number, begin, end));
            if !wraps {
                let length = copied.trim_end_matches(' ').len();
                copied.truncate(length);
                if number < end.row || end.column == usize::MAX {
                    copied.push('\n');
                }
            }
            if copied.len() > most {
                return None;
            }
        }
        Some(copied)
    }
}

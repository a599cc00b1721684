//! A screen as bytes that draw it.

use std::fmt::Write as _;

use super::{Attributes, Cell, Color, CursorShape, Screen};

/// How cells are drawn from here on.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    foreground: Color,
    background: Color,
    attributes: Attributes,
}

impl Style {
    fn of(cell: &Cell) -> Self {
        Self {
            foreground: cell.foreground,
            background: cell.background,
            attributes: cell.attributes,
        }
    }
}

/// Bytes that draw the screen on a terminal of at least its size, whatever that showed before.
pub(super) fn paint(screen: &Screen) -> String {
    // Reset the attributes, hide the cursor while drawing, clear.
    let mut out = String::from("\x1b[m\x1b[?25l\x1b[2J");
    let mut style = Style::default();
    for (number, row) in (1..).zip(&screen.rows) {
        paint_row(number, row, &mut style, &mut out);
    }
    if style != Style::default() {
        out.push_str("\x1b[m");
    }
    match screen.cursor {
        Some(cursor) => {
            let shape = match cursor.shape {
                CursorShape::Block => 2,
                CursorShape::Underline => 4,
                CursorShape::Bar => 6,
            };
            let (row, column) = (cursor.row + 1, cursor.column + 1);
            push(
                &mut out,
                format_args!("\x1b[{row};{column}H\x1b[{shape} q\x1b[?25h"),
            );
        }
        None => out.push_str("\x1b[H"),
    }
    out
}

/// Draws the cells that are not as clearing left them, jumping over those that are.
fn paint_row(number: usize, row: &[Cell], style: &mut Style, out: &mut String) {
    let mut pen = None;
    for (column, cell) in row.iter().enumerate() {
        let wanted = Style::of(cell);
        if cell.text.is_empty() || (cell.text == " " && wanted == Style::default()) {
            continue;
        }
        if pen != Some(column) {
            push(out, format_args!("\x1b[{number};{}H", column + 1));
        }
        if *style != wanted {
            push_style(wanted, out);
            *style = wanted;
        }
        // The cells are without controls; should one ever not be, it stays inert here.
        out.extend(
            cell.text
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        let wide = row.get(column + 1).is_some_and(|next| next.text.is_empty());
        pen = Some(column + if wide { 2 } else { 1 });
    }
}

/// One sequence from a reset: short, and independent of what was before.
fn push_style(style: Style, out: &mut String) {
    out.push_str("\x1b[0");
    for attribute in style.attributes.set() {
        push(out, format_args!(";{}", attribute as u8));
    }
    push_color(style.foreground, 30, out);
    push_color(style.background, 40, out);
    out.push('m');
}

/// A colour; `base` is 30 for the foreground and 40 for the background.
fn push_color(color: Color, base: u8, out: &mut String) {
    match color {
        Color::Default => {}
        Color::Indexed(index @ 0..=7) => push(out, format_args!(";{}", base + index)),
        Color::Indexed(index @ 8..=15) => push(out, format_args!(";{}", base + 52 + index)),
        Color::Indexed(index) => push(out, format_args!(";{};5;{index}", base + 8)),
        Color::Rgb(red, green, blue) => {
            push(out, format_args!(";{};2;{red};{green};{blue}", base + 8));
        }
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

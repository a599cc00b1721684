//! The guest's cells on a buffer of the host's terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color as HostColor, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::{Attribute, Cell, Color, Screen};

/// Draws the screen from the upper left corner of `area` on. Of a screen that is larger, the part
/// with the cursor is drawn. Without `in_color` the attributes stay and the colours go.
///
/// Returns where on the buffer the cursor is, when it is shown.
pub fn draw(screen: &Screen, buffer: &mut Buffer, area: Rect, in_color: bool) -> Option<Position> {
    let (top, left) = origin(screen, area);
    let rows = screen.rows.get(top..).unwrap_or_default();
    for (y, row) in (area.top()..area.bottom()).zip(rows) {
        let row = row.get(left..).unwrap_or_default();
        for (x, cell) in (area.left()..area.right()).zip(row) {
            // The cell after a wide one has no text.
            if cell.text.is_empty() {
                continue;
            }
            let wide = u16::try_from(cell.text.width()).unwrap_or(1);
            if x + wide > area.right() {
                continue;
            }
            if let Some(place) = buffer.cell_mut((x, y)) {
                if cell.text != " " {
                    place.set_symbol(&cell.text);
                }
                place.set_style(style(cell, in_color));
            }
        }
    }
    let cursor = screen.cursor?;
    let along = |at: u16, begin: usize, from: u16| {
        let distance = u16::try_from(usize::from(at).checked_sub(begin)?).ok()?;
        from.checked_add(distance)
    };
    let position = Position::new(
        along(cursor.column, left, area.x)?,
        along(cursor.row, top, area.y)?,
    );
    area.contains(position).then_some(position)
}

/// The row and the column of the screen that are drawn in the upper left corner of `area`.
fn origin(screen: &Screen, area: Rect) -> (usize, usize) {
    let (height, width) = (usize::from(area.height), usize::from(area.width));
    let over = screen.rows.len().saturating_sub(height);
    let top = match screen.cursor {
        Some(cursor) => (usize::from(cursor.row) + 1).saturating_sub(height),
        // Who looks back begins at the end and comes as far as the first line.
        None if screen.offset > 0 && screen.offset < screen.scrollback => over,
        None => 0,
    };
    let left = screen.cursor.map_or(0, |cursor| {
        (usize::from(cursor.column) + 1).saturating_sub(width)
    });
    (top.min(over), left)
}

fn style(cell: &Cell, in_color: bool) -> Style {
    let mut style = Style::new();
    if in_color {
        style = style.fg(color(cell.foreground)).bg(color(cell.background));
    }
    cell.attributes.set().fold(style, |style, attribute| {
        style.add_modifier(match attribute {
            Attribute::Bold => Modifier::BOLD,
            Attribute::Dim => Modifier::DIM,
            Attribute::Italic => Modifier::ITALIC,
            Attribute::Underline => Modifier::UNDERLINED,
            Attribute::Blink => Modifier::SLOW_BLINK,
            Attribute::Inverse => Modifier::REVERSED,
            Attribute::Hidden => Modifier::HIDDEN,
            Attribute::Strike => Modifier::CROSSED_OUT,
        })
    })
}

/// The guest's colour; the terminal's own palette keeps the first sixteen.
fn color(color: Color) -> HostColor {
    match color {
        Color::Default => HostColor::Reset,
        Color::Indexed(index) => HostColor::Indexed(index),
        Color::Rgb(red, green, blue) => HostColor::Rgb(red, green, blue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Attributes;

    fn screen(text: &str) -> Screen {
        let cell = Cell {
            text: text.to_owned(),
            foreground: Color::Indexed(1),
            attributes: Attributes {
                bold: true,
                ..Attributes::default()
            },
            ..Cell::default()
        };
        Screen {
            rows: vec![vec![cell; 9]; 9],
            ..Screen::default()
        }
    }

    #[test]
    fn a_screen_larger_than_the_area_is_cut_and_its_styles_are_kept() {
        let area = Rect::new(0, 0, 3, 2);
        let mut buffer = Buffer::empty(area);
        draw(&screen("x"), &mut buffer, area, true);
        let cell = &buffer[(2, 1)];
        assert_eq!(cell.symbol(), "x");
        assert_eq!(cell.fg, HostColor::Indexed(1));
        assert!(cell.modifier.contains(Modifier::BOLD));
    }

    #[test]
    fn without_colour_the_attributes_stay() {
        let area = Rect::new(0, 0, 3, 2);
        let mut buffer = Buffer::empty(area);
        draw(&screen("x"), &mut buffer, area, false);
        assert_eq!(buffer[(0, 0)].fg, HostColor::Reset);
        assert!(buffer[(0, 0)].modifier.contains(Modifier::BOLD));
    }

    #[test]
    fn half_a_wide_character_is_not_drawn() {
        let area = Rect::new(0, 0, 3, 1);
        let mut buffer = Buffer::empty(area);
        draw(&screen("漢"), &mut buffer, area, true);
        assert_eq!(buffer[(1, 0)].symbol(), "漢");
        assert_eq!(buffer[(2, 0)].symbol(), " ");
    }
}

//! The guest's cells on a buffer of the host's terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color as HostColor, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::{Attributes, Cell, Color, Screen};

/// Draws the screen from the upper left corner of `area` on, cut to it. Without `in_color` the
/// attributes stay and the colours go.
pub fn draw(screen: &Screen, buffer: &mut Buffer, area: Rect, in_color: bool) {
    for (y, row) in (area.top()..area.bottom()).zip(&screen.rows) {
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
}

fn style(cell: &Cell, in_color: bool) -> Style {
    let mut style = Style::new();
    if in_color {
        style = style.fg(color(cell.foreground)).bg(color(cell.background));
    }
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
    let attributes = [
        (bold, Modifier::BOLD),
        (dim, Modifier::DIM),
        (italic, Modifier::ITALIC),
        (underline, Modifier::UNDERLINED),
        (inverse, Modifier::REVERSED),
        (hidden, Modifier::HIDDEN),
        (strike, Modifier::CROSSED_OUT),
        (blink, Modifier::SLOW_BLINK),
    ];
    for (is_set, modifier) in attributes {
        if is_set {
            style = style.add_modifier(modifier);
        }
    }
    style
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

//! The guest's cells on the host's terminal, which is sent what changed and nothing else.

use std::io;

use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color as HostColor, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::console::keys::Key;
use crate::console::{Attributes, Cell, Color, Screen};

/// Draws one frame: the guest's screen, and below it a line that says how to leave.
pub(super) fn frame(
    host: &mut DefaultTerminal,
    screen: &Screen,
    name: &str,
    leave: &[Key],
) -> io::Result<()> {
    let footer = footer(name, leave);
    host.draw(|frame| {
        let area = frame.area();
        cells(screen, area, frame.buffer_mut());
        let last = Rect {
            y: area.bottom().saturating_sub(1),
            height: area.height.min(1),
            ..area
        };
        let style = Style::new().add_modifier(Modifier::REVERSED);
        frame.buffer_mut().set_style(last, style);
        Line::styled(footer, style).render(last, frame.buffer_mut());
        if let Some(cursor) = screen.cursor {
            frame.set_cursor_position(Position::new(cursor.column, cursor.row));
        }
    })
    .map(drop)
}

fn footer(name: &str, leave: &[Key]) -> String {
    let keys: Vec<String> = leave.iter().map(ToString::to_string).collect();
    format!(
        " {name} · console · {} leaves, the VM goes on ",
        keys.join(" or ")
    )
}

fn cells(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    for (row, y) in screen.rows.iter().zip(area.top()..area.bottom()) {
        for (cell, x) in row.iter().zip(area.left()..area.right()) {
            if let Some(target) = buffer.cell_mut((x, y)) {
                // The cell after a wide one is empty; ratatui skips it as we do.
                target.set_symbol(if cell.text.is_empty() {
                    " "
                } else {
                    &cell.text
                });
                target.set_style(style(cell));
            }
        }
    }
}

fn style(cell: &Cell) -> Style {
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
    let modifiers = [
        (bold, Modifier::BOLD),
        (dim, Modifier::DIM),
        (italic, Modifier::ITALIC),
        (underline, Modifier::UNDERLINED),
        (inverse, Modifier::REVERSED),
        (hidden, Modifier::HIDDEN),
        (strike, Modifier::CROSSED_OUT),
        (blink, Modifier::SLOW_BLINK),
    ];
    let modifier = modifiers
        .into_iter()
        .filter_map(|(set, modifier)| set.then_some(modifier))
        .collect();
    Style::new()
        .fg(color(cell.foreground))
        .bg(color(cell.background))
        .add_modifier(modifier)
}

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

    #[test]
    fn a_screen_larger_than_the_terminal_is_cut_and_its_styles_are_kept() {
        let red = Cell {
            text: "x".to_owned(),
            foreground: Color::Indexed(1),
            attributes: Attributes {
                bold: true,
                ..Attributes::default()
            },
            ..Cell::default()
        };
        let screen = Screen {
            rows: vec![vec![red; 9]; 9],
            ..Screen::default()
        };
        let area = Rect::new(0, 0, 3, 2);
        let mut buffer = Buffer::empty(area);
        cells(&screen, area, &mut buffer);
        let cell = &buffer[(2, 1)];
        assert_eq!(cell.symbol(), "x");
        assert_eq!(cell.fg, HostColor::Indexed(1));
        assert!(cell.modifier.contains(Modifier::BOLD));
    }

    #[test]
    fn the_footer_says_how_to_leave() {
        let key = "ctrl-]".parse().unwrap();
        assert!(footer("web", &[key]).contains("ctrl-] leaves"));
    }
}

//! One frame of the console: the guest's screen, and below it a line that says how to leave.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use crate::console::keys::Key;
use crate::console::{Screen, cells};

pub(super) fn render(
    frame: &mut Frame<'_>,
    screen: &Screen,
    name: &str,
    leave: &[Key],
    in_color: bool,
) {
    let [guest, last] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    cells::draw(screen, frame.buffer_mut(), guest, in_color);
    let style = Style::new().add_modifier(Modifier::REVERSED);
    frame.buffer_mut().set_style(last, style);
    frame.render_widget(Line::styled(footer(name, leave), style), last);
    if let Some(cursor) = screen.cursor {
        let position = Position::new(cursor.column, cursor.row);
        // A guest of two rows on a terminal of one.
        if guest.contains(position) {
            frame.set_cursor_position(position);
        }
    }
}

fn footer(name: &str, leave: &[Key]) -> String {
    let keys: Vec<String> = leave.iter().map(ToString::to_string).collect();
    format!(
        " {name} · console · {} leaves, the VM goes on ",
        keys.join(" or ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_says_how_to_leave() {
        let key = "ctrl-]".parse().unwrap();
        assert!(footer("web", &[key]).contains("ctrl-] leaves"));
    }
}

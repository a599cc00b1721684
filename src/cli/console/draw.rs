//! One frame of the console: the guest's screen, and below it a line that says how to leave.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::bar::Bar;
use crate::console::{Screen, cells};

pub(super) fn render(frame: &mut Frame<'_>, screen: &Screen, bar: &Bar, in_color: bool) {
    let [guest, last] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let cursor = cells::draw(screen, frame.buffer_mut(), guest, in_color);
    let style = Style::new().add_modifier(Modifier::REVERSED);
    frame.buffer_mut().set_style(last, style);
    frame.render_widget(Line::styled(bar.text(), style), last);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

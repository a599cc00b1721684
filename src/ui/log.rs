//! The end of the serial log, as harmless text.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::text::put;
use super::{Role, Theme};
use crate::app::state::State;

/// Draws the page.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if state.selected_row().is_none() || area.is_empty() {
        return;
    }
    let buffer = frame.buffer_mut();
    if state.log.is_empty() {
        let text = "The serial line has said nothing yet.";
        put(
            buffer,
            area.x + 1,
            area.y,
            area.width - 1,
            text,
            theme.style(Role::Muted),
        );
        return;
    }
    let height = usize::from(area.height);
    let end = state
        .log
        .len()
        .saturating_sub(state.scroll.log)
        .max(height.min(state.log.len()));
    let start = end.saturating_sub(height);
    let seen = state.log.iter().skip(start).take(end - start);
    for (y, line) in (area.top()..area.bottom()).zip(seen) {
        put(buffer, area.x, y, area.width, line, theme.style(Role::Text));
    }
    if state.log.len() > end {
        let text = format!(" ↓{} ", state.log.len() - end);
        let width = u16::try_from(text.chars().count())
            .unwrap_or(0)
            .min(area.width);
        let x = area.right() - width;
        put(
            buffer,
            x,
            area.bottom() - 1,
            width,
            &text,
            theme.style(Role::Focus),
        );
    }
}

//! The end of the serial log, as harmless text.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::put;
use super::{Role, Theme, gutter, marks};
use crate::app::action::{Action, Context};
use crate::app::state::{Page, State};
use crate::console::reader::Text;

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
    let rows = state.log.rows();
    let height = i64::from(area.height);
    let reading = state
        .reading
        .as_ref()
        .filter(|reading| reading.page == Page::Log);
    let top = if let Some(reading) = reading {
        reading.reader.top()
    } else {
        let scrolled = i64::try_from(state.scroll.log).unwrap_or(0);
        (rows.end - height - scrolled).max(rows.start)
    };
    let page = area;
    let area = state.text_area().intersection(page);
    for (y, row) in (area.top()..area.bottom()).zip(top..rows.end) {
        let text = state.log.line(row).map_or("", |line| line.text.as_str());
        put(buffer, area.x, y, area.width, text, theme.style(Role::Text));
        let place = Rect::new(page.x, y, page.width, 1);
        gutter::draw(
            buffer,
            place,
            &state.log.side(row),
            text.width(),
            state,
            theme,
        );
    }
    let below = (rows.end - top - height).max(0);
    let mut told = Vec::new();
    if let Some(filter) = state.log.filter() {
        told.push(format!("only lines with {}", filter.text()));
    }
    if let Some(reading) = reading {
        let came = reading.reader.new_rows(&state.log);
        if came > 0 {
            let key = state.keymap.shown(Context::Reading, Action::TextBottom);
            told.push(format!("{came} new · {key} goes there"));
        }
    }
    if below > 0 {
        told.push(format!("↓{below}"));
    }
    if !told.is_empty() {
        let text = format!(" {} ", told.join(" · "));
        let width = u16::try_from(text.width()).unwrap_or(0).min(area.width);
        let x = area.right() - width;
        let y = area.bottom() - 1;
        put(buffer, x, y, width, &text, theme.style(Role::Focus));
    }
    if let Some(reading) = reading {
        let found = reading.reader.marks(&state.log);
        marks::draw(buffer, area, &found, theme);
        if let Some((row, column)) = found.cursor
            && state.modals.is_empty()
            && row < area.height
        {
            let x = area.x + column.min(area.width - 1);
            frame.set_cursor_position((x, area.y + row));
        }
    }
}

//! The line of tabs over the page, with the VM's name at its end.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::{fit, put};
use super::{Role, Theme};
use crate::app::layout;
use crate::app::state::{Page, State};

/// Draws it.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let buffer = frame.buffer_mut();
    let dashes = "─".repeat(usize::from(area.width));
    put(
        buffer,
        area.x,
        area.y,
        area.width,
        &dashes,
        theme.style(Role::Rule),
    );
    let mut end = area.x;
    for ((page, word, tab), number) in layout::tabs(area).zip(1..) {
        let role = if page == state.page {
            Role::Accent
        } else {
            Role::Muted
        };
        let text = format!("{number} {word}");
        end = put(buffer, tab.x, tab.y, tab.width, &text, theme.style(role));
        // Air around the words where there is room for it.
        if tab.x > area.x {
            put(buffer, tab.x - 1, tab.y, 1, " ", theme.style(Role::Text));
        }
        if end < area.right() {
            put(buffer, end, tab.y, 1, " ", theme.style(Role::Text));
        }
    }
    let Some(row) = state.selected_row() else {
        return;
    };
    let mut title = row.vm.name.to_string();
    if state.page == Page::Console
        && let Some(guest) = &state.console.title
    {
        title = format!("{title} · {guest}");
    }
    let room = area.right().saturating_sub(end + 4);
    let title = fit(&title, usize::from(room));
    if room >= 6 {
        let width = u16::try_from(title.width()).unwrap_or(0) + 2;
        let x = area.right().saturating_sub(width + 1);
        put(
            buffer,
            x,
            area.y,
            width,
            &format!(" {title} "),
            theme.style(Role::Title),
        );
    }
}

//! The last line: what keys do now. In the console it always says how to leave.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::put;
use super::{Role, Theme};
use crate::app::action::Context;
use crate::app::hints::hints;
use crate::app::state::{Link, Modal, State};

/// Draws it.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let cursor = filter(frame, area, state, theme);
    let buffer = frame.buffer_mut();
    let mut x = cursor.map_or(area.x + 1, |x| x + 3);
    let room = |x: u16| area.right().saturating_sub(x);
    if state.context() == Context::Console {
        x = put(
            buffer,
            area.x,
            area.y,
            area.width,
            " console ",
            theme.style(Role::Focus),
        ) + 1;
        if !matches!(state.console.link, Link::Live) {
            x = put(
                buffer,
                x,
                area.y,
                room(x),
                "connecting… ",
                theme.style(Role::Warning),
            ) + 1;
        }
    }
    for hint in hints(state) {
        let needed = hint.key.width() + 1 + hint.label.width();
        if usize::from(room(x)) < needed {
            break;
        }
        x = put(
            buffer,
            x,
            area.y,
            room(x),
            &hint.key,
            theme.style(Role::Key),
        );
        x = put(
            buffer,
            x + 1,
            area.y,
            room(x + 1),
            &hint.label,
            theme.style(Role::Text),
        ) + 2;
    }
    if let Some(x) = cursor {
        frame.set_cursor_position((x.min(area.right() - 1), area.y));
    }
}

/// The filter as it is typed; returns the column of the cursor.
fn filter(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) -> Option<u16> {
    let Some(Modal::Filter { .. }) = state.modals.last() else {
        return None;
    };
    let text = format!(" /{}", state.filter);
    let buffer = frame.buffer_mut();
    Some(put(
        buffer,
        area.x,
        area.y,
        area.width / 2,
        &text,
        theme.style(Role::Accent),
    ))
}

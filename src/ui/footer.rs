//! The last line: what keys do now. In the console it always says how to leave. Of a zoomed page it
//! has the doctor's verdict too.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::header::badge;
use super::text::put;
use super::{Role, Theme};
use crate::app::action::Context;
use crate::app::hints::hints;
use crate::app::state::{Link, Modal, SearchFor, State};
use crate::console::reader::{Pattern, Search};

/// In a shorter line the keys need the room that the verdict's words would take: its glyph stays.
const WORDY: u16 = 72;

/// Draws it.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let area = if state.zoomed {
        verdict(frame.buffer_mut(), area, state, theme)
    } else {
        area
    };
    let cursor = typed(frame, area, state, theme);
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
    if state.context() == Context::Reading {
        x = reading(buffer, area, state, theme) + 1;
    }
    let is_wrong = matches!(
        state.modals.last(),
        Some(Modal::Search { wrong: Some(_), .. })
    );
    for hint in hints(state).into_iter().filter(|_| !is_wrong) {
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

/// What the header would show at its end; returns what is left of the line.
fn verdict(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) -> Rect {
    let (badge, role) = badge(state);
    let text = if area.width < WORDY {
        badge.chars().take(1).collect()
    } else {
        format!(" {badge} ")
    };
    let width = u16::try_from(text.width()).unwrap_or(0).min(area.width);
    let left = area.width - width;
    let style = theme.style(role);
    put(buffer, area.x + left, area.y, width, &text, style);
    Rect {
        width: left,
        ..area
    }
}

/// The filter or the pattern as it is typed; returns the column of the cursor.
fn typed(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) -> Option<u16> {
    let (text, wrong) = match state.modals.last() {
        Some(Modal::Filter { .. }) => (format!(" /{}", state.filter), None),
        Some(Modal::Search {
            what, text, wrong, ..
        }) => {
            let sign = match what {
                SearchFor::Next => '/',
                SearchFor::Previous => '?',
                SearchFor::Lines => '&',
            };
            (format!(" {sign}{text}"), wrong.as_deref())
        }
        _ => return None,
    };
    let most = usize::from(area.width / 2);
    // The end of a longer one is where it is typed.
    let skip = text.chars().count().saturating_sub(most);
    let shown: String = text.chars().skip(skip).collect();
    let buffer = frame.buffer_mut();
    let style = theme.style(Role::Accent);
    let x = put(buffer, area.x, area.y, area.width / 2, &shown, style);
    if let Some(wrong) = wrong {
        let room = area.right().saturating_sub(x + 2);
        let style = theme.style(Role::Failed);
        put(buffer, x + 2, area.y, room, wrong, style);
    }
    Some(x)
}

/// That keys read now, and how the search went; returns the column after it.
fn reading(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) -> u16 {
    let style = theme.style(Role::Focus);
    let mut x = put(buffer, area.x, area.y, area.width, " reading ", style);
    let Some(reading) = &state.reading else {
        return x;
    };
    let pattern = reading.reader.pattern().0.map(Pattern::text);
    let told = match (reading.reader.search(), pattern) {
        (Search::Missed, Some(pattern)) => Some((format!("no match for {pattern}"), Role::Failed)),
        (Search::Under { .. }, _) => Some(("searching…".to_owned(), Role::Warning)),
        (_, Some(pattern)) => Some((format!("/{pattern}"), Role::Accent)),
        (_, None) => None,
    };
    if let Some((text, role)) = told {
        let style = theme.style(role);
        x = put(buffer, x + 1, area.y, area.width / 3, &text, style);
    }
    x
}

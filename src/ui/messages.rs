//! Messages: those that are new over the dashboard, all of them in a panel.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::text::{clean, wrapped};
use super::{Role, Theme, panel, text};
use crate::app::journal::{Entry, Level};
use crate::app::state::{Modal, State};

fn glyph(level: Level) -> (&'static str, Role) {
    match level {
        Level::Done => ("✔", Role::Good),
        Level::Note => ("•", Role::Accent),
        Level::Failed => ("✖", Role::Failed),
    }
}

/// The width of the panel where there is room for it.
const WIDTH: u16 = 110;
/// How many fading messages are shown at once.
const AT_ONCE: usize = 3;

/// Draws the messages that have not faded yet, right above the footer, the newest at the bottom.
pub(super) fn toasts(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if matches!(state.modals.last(), Some(Modal::Messages { .. })) || area.height < 4 {
        return;
    }
    let buffer = frame.buffer_mut();
    let mut bottom = area.bottom() - 1;
    for entry in state.journal.shown(state.now).take(AT_ONCE) {
        let lines = toast(entry, area.width.saturating_sub(2).min(100), theme);
        let width = lines.iter().map(Line::width).max().unwrap_or(0) + 1;
        let width = u16::try_from(width).unwrap_or(area.width).min(area.width);
        let height = u16::try_from(lines.len()).unwrap_or(1);
        if bottom < area.top() + height + 2 {
            return;
        }
        bottom -= height;
        let x = area.right() - width;
        let place = Rect::new(x.saturating_sub(1).max(area.x), bottom, width, height);
        Clear.render(place, buffer);
        text::lines(buffer, place, &lines, 0);
    }
}

fn toast(entry: &Entry, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let (glyph, role) = glyph(entry.level);
    let mut lines = wrapped(&clean(&entry.text), width, 3, theme.style(Role::Text));
    lines.truncate(3);
    if let Some(hint) = &entry.hint {
        let mut hint = wrapped(&clean(hint), width, 5, theme.style(Role::Muted));
        hint.truncate(2);
        lines.append(&mut hint);
    }
    if let Some(first) = lines.first_mut()
        && let Some(span) = first.spans.first_mut()
    {
        *span = Span::styled(format!(" {glyph} "), theme.style(role));
    }
    lines
}

/// Draws the panel of all messages, the newest first.
pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    scroll: usize,
    theme: &Theme,
) {
    let width = panel::inner_width(area, WIDTH);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for entry in state.journal.entries().rev() {
        let (glyph, role) = glyph(entry.level);
        let age = state.now.mono.saturating_sub(entry.at.mono);
        let when = format!("{:>7} ago ", super::list::uptime(age));
        let indent = u16::try_from(when.width() + 2).unwrap_or(0);
        let mut body = wrapped(&clean(&entry.text), width, indent, theme.style(Role::Text));
        if let Some(span) = body.first_mut().and_then(|line| line.spans.first_mut()) {
            *span = Span::styled(when, theme.style(Role::Muted));
        }
        if let Some(first) = body.first_mut() {
            first
                .spans
                .insert(1, Span::styled(format!("{glyph} "), theme.style(role)));
        }
        lines.append(&mut body);
        for detail in entry.hint.iter().chain(&entry.details) {
            for line in detail.lines().take(20) {
                let style = theme.style(Role::Muted);
                lines.append(&mut wrapped(&clean(line), width, indent, style));
            }
        }
    }
    if lines.is_empty() {
        let text = "Nothing was told yet.";
        lines.push(Line::styled(text, theme.style(Role::Muted)));
    }
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let inner = panel::open(frame, area, (WIDTH, height), "Messages", theme);
    panel::lines(frame, inner, &lines, scroll, theme);
}

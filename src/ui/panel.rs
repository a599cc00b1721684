//! The frame of a panel over the dashboard.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Padding, Widget};

use super::text;
use super::{Role, Theme};

/// The width within the frame of a panel that is `width` wide where there is room for it.
pub(super) fn inner_width(area: Rect, width: u16) -> u16 {
    let width = width.min(area.width);
    width.saturating_sub(2 + 2 * u16::from(width > 50))
}

/// Clears the middle of the screen for a panel of at most that size and frames it; returns what is
/// within the frame.
pub(super) fn open(
    frame: &mut Frame<'_>,
    area: Rect,
    (width, height): (u16, u16),
    title: &str,
    theme: &Theme,
) -> Rect {
    // The header stays, with the verdict on the host, and the footer, which says how to close.
    let room = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(2),
        ..area
    };
    let width = width.min(room.width);
    let height = height.min(room.height);
    let panel = Rect::new(
        room.x + (room.width - width) / 2,
        room.y + (room.height - height) / 2,
        width,
        height,
    );
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.style(Role::Rule))
        .title(Line::styled(format!(" {title} "), theme.style(Role::Title)))
        .padding(Padding::horizontal(u16::from(width > 50)));
    let inner = block.inner(panel);
    Clear.render(panel, frame.buffer_mut());
    block.render(panel, frame.buffer_mut());
    inner
}

/// Draws lines in a panel, scrolled; says how many are above and below.
pub(super) fn lines(
    frame: &mut Frame<'_>,
    inner: Rect,
    lines: &[Line<'_>],
    scroll: usize,
    theme: &Theme,
) {
    let buffer = frame.buffer_mut();
    let skipped = text::lines(buffer, inner, lines, scroll);
    let below = lines
        .len()
        .saturating_sub(skipped + usize::from(inner.height));
    if skipped + below == 0 || inner.is_empty() {
        return;
    }
    let note = match (skipped, below) {
        (above, 0) => format!(" ↑{above} "),
        (0, below) => format!(" ↓{below} "),
        (above, below) => format!(" ↑{above} ↓{below} "),
    };
    let width = u16::try_from(note.chars().count()).unwrap_or(0);
    let x = inner.right().saturating_sub(width).max(inner.x);
    text::put(
        buffer,
        x,
        inner.bottom(),
        width,
        &note,
        theme.style(Role::Accent),
    );
}

//! A command that mends the host: the question before it, then its terminal.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{self, clean, fit, put, wrapped};
use super::{Role, Theme, console, panel};
use crate::app::mend::{Mend, MendStage};
use crate::console::cells;
use crate::doctor;

/// Draws the panel.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, mend: &Mend, theme: &Theme) {
    match &mend.stage {
        MendStage::Asked => question(frame, area, mend, theme),
        MendStage::Running => drop(terminal(frame, area, mend, theme)),
        MendStage::Failed(how) => {
            let pane = terminal(frame, area, mend, theme);
            let text = format!("✖ {}", clean(how));
            console::banner(frame.buffer_mut(), pane, &text, theme.style(Role::Failed));
        }
    }
}

fn question(frame: &mut Frame<'_>, area: Rect, mend: &Mend, theme: &Theme) {
    const WIDTH: u16 = 100;
    let width = panel::inner_width(area, WIDTH);
    let mut lines = vec![Line::default()];
    let asked = format!("Run this to mend `{}`?", clean(doctor::title(&mend.check)));
    lines.extend(wrapped(&asked, width, 1, theme.style(Role::Text)));
    lines.push(Line::default());
    let command = format!("$ {}", clean(&mend.command));
    lines.extend(wrapped(&command, width, 1, theme.style(Role::Accent)));
    lines.push(Line::default());
    let told = "It runs in a terminal here, where sudo may ask for your password.";
    lines.extend(wrapped(told, width, 1, theme.style(Role::Muted)));
    let height = u16::try_from(lines.len() + 3).unwrap_or(u16::MAX);
    let inner = panel::open(frame, area, (WIDTH, height), "Mend", theme);
    text::lines(frame.buffer_mut(), inner, &lines, 0);
}

/// Draws the terminal with the cursor in it, and returns where.
fn terminal(frame: &mut Frame<'_>, area: Rect, mend: &Mend, theme: &Theme) -> Rect {
    let title = format!("Mending: {}", clean(doctor::title(&mend.check)));
    let inner = panel::open(frame, area, (u16::MAX, u16::MAX), &title, theme);
    let buffer = frame.buffer_mut();
    let command = fit(&format!("$ {}", clean(&mend.command)), inner.width.into());
    let style = theme.style(Role::Accent);
    put(buffer, inner.x, inner.y, inner.width, &command, style);
    let pane = Rect {
        y: (inner.y + 2).min(inner.bottom()),
        height: inner.height.saturating_sub(2),
        ..inner
    };
    cells::draw(&mend.screen, buffer, pane, theme.has_color());
    if mend.stage == MendStage::Running
        && let Some(cursor) = mend.screen.cursor
        && cursor.row < pane.height
        && cursor.column < pane.width
    {
        frame.set_cursor_position((pane.x + cursor.column, pane.y + cursor.row));
    }
    pane
}

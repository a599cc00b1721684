//! The serial console: the guest's cells as they are, its cursor, and what is to be said about it.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::text::{self, clean, put, wrapped};
use super::{Role, Theme, gutter, marks};
use crate::app::action::{Action, Context};
use crate::app::state::{Console, Focus, Link, State};
use crate::console::{Cell, Screen, cells};

/// Draws the page.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let Some(row) = state.selected_row().filter(|_| !area.is_empty()) else {
        return;
    };
    let console = &state.console;
    let page = area;
    let area = state.text_area().intersection(page);
    let buffer = frame.buffer_mut();
    let cursor = if console.link == Link::LastScreen && state.reading.is_none() {
        let screen = above_banner(&console.screen, area.height);
        cells::draw(&screen, buffer, area, theme.has_color())
    } else {
        letterbox(buffer, area, console, theme);
        cells::draw(&console.screen, buffer, area, theme.has_color())
    };
    let key = |action| state.keymap.shown(Context::Dashboard, action);
    let is_blank = console
        .screen
        .rows
        .iter()
        .flatten()
        .all(|cell| cell.text.trim().is_empty());
    match &console.link {
        _ if state.reading.is_some() => {}
        Link::NoScreen | Link::LastScreen => {
            let remark = row.remark().unwrap_or_else(|| row.vm.phase.to_string());
            let talkative = key(Action::StartTalkative);
            let key = key(Action::StartStop);
            let text = match row.vm.exit() {
                Some(_) => format!(
                    "■ {}: {} · `{key}` starts it, `{talkative}` with a talkative kernel",
                    row.vm.phase,
                    clean(&remark)
                ),
                None => format!("{} was never started · `{key}` starts it", row.vm.name),
            };
            banner(buffer, area, &text, theme.style(Role::Selection));
        }
        Link::Ended(why) => {
            let why = why
                .as_ref()
                .map_or("the connection ended", |why| &why.message);
            let text = format!(
                "✖ {} · `{}` connects again",
                clean(why),
                key(Action::FocusConsole)
            );
            banner(buffer, area, &text, theme.style(Role::Failed));
        }
        Link::Connecting if is_blank => {
            note(buffer, area, "connecting…", theme);
        }
        Link::Live if is_blank => {
            note(
                buffer,
                area,
                "The guest has not written anything yet.",
                theme,
            );
        }
        Link::None | Link::Connecting | Link::Live => {}
    }
    if state.reading.is_some() {
        gutters(buffer, page, state, theme);
    }
    if console.missing > 0 {
        let text = format!(" {} bytes were too much to show ", console.missing);
        corner(buffer, area, area.y, &text, theme.style(Role::Warning));
    }
    if state.reading.is_some() {
        return reading(frame, area, state, theme);
    }
    if console.offset > 0 {
        let text = format!(
            " ↑ {} lines back · {} new · {} goes forward ",
            console.offset,
            console.new_lines,
            state.keymap.shown(Context::Console, Action::ScrollbackDown)
        );
        corner(
            buffer,
            area,
            area.bottom() - 1,
            &text,
            theme.style(Role::Focus),
        );
    }
    if state.focus == Focus::Console
        && state.modals.is_empty()
        && console.offset == 0
        && let Some(cursor) = cursor
    {
        frame.set_cursor_position(cursor);
    }
}

/// What stands beside the rows that are read.
fn gutters(buffer: &mut Buffer, page: Rect, state: &State, theme: &Theme) {
    let rows = state.console.screen.rows.iter().zip(&state.console.sides);
    for ((row, side), y) in rows.zip(page.top()..page.bottom()) {
        let blank = |cell: &&Cell| cell.text.trim().is_empty();
        let used = row.len() - row.iter().rev().take_while(blank).count();
        let place = Rect::new(page.x, y, page.width, 1);
        gutter::draw(buffer, place, side, used, state, theme);
    }
}

/// What of the pane is not the guest's is marked, so that nobody takes it for blank screen.
fn letterbox(buffer: &mut Buffer, area: Rect, console: &Console, theme: &Theme) {
    let Some((guest, _)) = console.misfit() else {
        return;
    };
    for position in area.positions() {
        let outside = position.x - area.x >= guest.columns() || position.y - area.y >= guest.rows();
        if outside && let Some(cell) = buffer.cell_mut(position) {
            cell.set_symbol("·").set_style(theme.style(Role::Rule));
        }
    }
}

/// What is read: marks, where the view stands, the reader's cursor.
fn reading(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let console = &state.console;
    let buffer = frame.buffer_mut();
    marks::draw(buffer, area, &console.marks, theme);
    let mut told = Vec::new();
    if console.offset > 0 {
        told.push(format!("↑ {} lines back", console.offset));
    }
    if console.new_lines > 0 {
        let key = state.keymap.shown(Context::Reading, Action::TextBottom);
        told.push(format!(
            "{} new below · {key} goes there",
            console.new_lines
        ));
    }
    if !told.is_empty() {
        let text = format!(" {} ", told.join(" · "));
        corner(buffer, area, area.y, &text, theme.style(Role::Focus));
    }
    if let Some((row, column)) = console.marks.cursor
        && state.modals.is_empty()
        && row < area.height
        && column < area.width
    {
        frame.set_cursor_position((area.x + column, area.y + row));
    }
}

/// The screen of a dead VM, moved up so that the last lines, which matter most, are not where the
/// banner is.
fn above_banner(screen: &Screen, height: u16) -> Screen {
    /// Rows that the banner takes at most on a usual width.
    const BANNER: usize = 2;
    let has_text = |row: &Vec<Cell>| row.iter().any(|cell| !cell.text.trim().is_empty());
    let used = screen
        .rows
        .iter()
        .rposition(has_text)
        .map_or(0, |row| row + 1);
    let room = usize::from(height).saturating_sub(BANNER);
    let skip = used.saturating_sub(room);
    Screen {
        rows: screen.rows.iter().skip(skip).cloned().collect(),
        ..Screen::default()
    }
}

fn note(buffer: &mut Buffer, area: Rect, text: &str, theme: &Theme) {
    put(
        buffer,
        area.x + 1,
        area.y,
        area.width.saturating_sub(1),
        text,
        theme.style(Role::Muted),
    );
}

/// Something about the whole console, at its lower end.
pub(super) fn banner(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let mut lines: Vec<Line<'_>> = wrapped(&format!(" {text}"), area.width, 0, style);
    lines.truncate(3);
    let height = u16::try_from(lines.len()).unwrap_or(1).min(area.height);
    let place = Rect::new(area.x, area.bottom() - height, area.width, height);
    for position in place.positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            cell.reset();
            cell.set_style(style);
        }
    }
    text::lines(buffer, place, &lines, 0);
}

fn corner(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    let width = u16::try_from(text.width())
        .unwrap_or(u16::MAX)
        .min(area.width);
    put(buffer, area.right() - width, y, width, text, style);
}

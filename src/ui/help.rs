//! The keys of a context, from the action table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::panel;
use super::text::wrap;
use super::{Role, Theme};
use crate::app::action::{Action, Context};
use crate::app::state::State;

/// Draws the panel.
pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    context: Context,
    scroll: usize,
    theme: &Theme,
) {
    const WIDTH: u16 = 96;
    let width = usize::from(panel::inner_width(area, WIDTH));
    let mut lines = Vec::new();
    section(&mut lines, state, context, width, theme);
    if context == Context::Dashboard {
        lines.push(Line::default());
        lines.push(Line::styled("On the console", theme.style(Role::Title)));
        section(&mut lines, state, Context::Console, width, theme);
        let text = "All other keys are the guest's.";
        lines.push(Line::styled(text, theme.style(Role::Muted)));
    }
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let inner = panel::open(frame, area, (WIDTH, height), "Keys", theme);
    panel::lines(frame, inner, &lines, scroll, theme);
}

fn section(
    lines: &mut Vec<Line<'_>>,
    state: &State,
    context: Context,
    width: usize,
    theme: &Theme,
) {
    const COLUMN: usize = 31;
    /// Less than this beside the keys is no column: the sentence stands below them.
    const LEAST: usize = 20;
    const INDENT: usize = 4;
    for action in Action::ALL {
        if !action.applies_in(context) {
            continue;
        }
        let keys: Vec<String> = state
            .keymap
            .keys(context, action)
            .iter()
            .map(ToString::to_string)
            .collect();
        let keys = if keys.is_empty() {
            "(no key)".to_owned()
        } else {
            keys.join(" ")
        };
        let mut beside = Span::styled(keys, theme.style(Role::Key));
        let mut column = COLUMN.max(beside.width() + 1);
        if width < column + LEAST {
            lines.push(Line::from(std::mem::take(&mut beside)));
            column = INDENT;
        }
        for line in wrap(action.spec().summary, width.saturating_sub(column)) {
            let pad = column.saturating_sub(beside.width());
            lines.push(Line::from(vec![
                std::mem::take(&mut beside),
                Span::raw(" ".repeat(pad)),
                Span::styled(line, theme.style(Role::Text)),
            ]));
        }
    }
}

//! The keys of a context, from the action table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::panel;
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
    let mut lines = Vec::new();
    section(&mut lines, state, context, theme);
    if context == Context::Dashboard {
        lines.push(Line::default());
        lines.push(Line::styled("On the console", theme.style(Role::Title)));
        section(&mut lines, state, Context::Console, theme);
        let text = "All other keys are the guest's.";
        lines.push(Line::styled(text, theme.style(Role::Muted)));
    }
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let inner = panel::open(frame, area, (96, height), "Keys", theme);
    panel::lines(frame, inner, &lines, scroll, theme);
}

fn section(lines: &mut Vec<Line<'_>>, state: &State, context: Context, theme: &Theme) {
    const COLUMN: usize = 31;
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
        let pad = COLUMN.saturating_sub(keys.width()).max(1);
        lines.push(Line::from(vec![
            Span::styled(keys, theme.style(Role::Key)),
            Span::raw(" ".repeat(pad)),
            Span::styled(action.spec().summary, theme.style(Role::Text)),
        ]));
    }
}

//! The first line: title, counts, the doctor's verdict.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::put;
use super::{Role, Theme};
use crate::app::action::{Action, Context};
use crate::app::state::State;
use crate::doctor::Verdict;

/// Draws it.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let buffer = frame.buffer_mut();
    let (badge, role) = badge(state);
    let key = state.keymap.shown(Context::Dashboard, Action::Doctor);
    let badge_width = u16::try_from(badge.width() + key.width() + 2).unwrap_or(u16::MAX);
    let badge_x = area.right().saturating_sub(badge_width + 1).max(area.x);
    let mut x = area.x + 1;
    let room = |x: u16| badge_x.saturating_sub(x + 2);
    x = put(
        buffer,
        x,
        area.y,
        room(x),
        "smolvm-tui",
        theme.style(Role::Title),
    );
    let counts = format!("  {}", counts(state));
    put(
        buffer,
        x,
        area.y,
        room(x),
        &counts,
        theme.style(Role::Muted),
    );
    let x = put(
        buffer,
        badge_x,
        area.y,
        area.right() - badge_x,
        &badge,
        theme.style(role),
    );
    let x = put(
        buffer,
        x + 2,
        area.y,
        area.right().saturating_sub(x + 2),
        &key,
        theme.style(Role::Key),
    );
    let _ = x;
}

fn counts(state: &State) -> String {
    let total = state.rows.len() + state.unread;
    if state.unread > 0 {
        // What the others are is not known yet.
        return format!("{total} VMs · reading");
    }
    let count =
        |live: fn(&crate::app::row::Row) -> bool| state.rows.iter().filter(|r| live(r)).count();
    let running = count(|row| row.vm.phase.is_live());
    let crashed = count(|row| row.vm.phase == crate::vm::Phase::Crashed);
    let mut parts = match total {
        0 => return "no VMs yet".to_owned(),
        1 => vec!["1 VM".to_owned()],
        _ => vec![format!("{total} VMs")],
    };
    parts.push(format!("{running} running"));
    if crashed > 0 {
        parts.push(format!("{crashed} crashed"));
    }
    if !state.filter.is_empty() {
        parts.push(format!("{} match `{}`", state.shown_count(), state.filter));
    }
    parts.join(" · ")
}

/// The verdict: always there, also while it is not known yet.
pub(super) fn badge(state: &State) -> (String, Role) {
    let Some(report) = &state.doctor.report else {
        let text = if state.doctor.is_running {
            "… checking host"
        } else {
            "? host not checked"
        };
        return (text.to_owned(), Role::Muted);
    };
    let (failures, warnings) = state.doctor.counts();
    let verdict = report.verdict();
    let (glyph, _, role) = super::doctor::word(verdict.map(Verdict::status));
    let mut text = format!("{glyph} host {}", verdict.map_or("unknown", Verdict::word));
    let room = state.size.0 >= 90;
    match (failures, warnings) {
        (n @ 1.., _) if room => text.push_str(&counted(n, "problem")),
        (_, n @ 1..) if room => text.push_str(&counted(n, "warning")),
        _ => {}
    }
    (text, role)
}

fn counted(count: usize, word: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!(", {count} {word}{s}")
}

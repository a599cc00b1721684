//! The doctor's checklist: each check with status, detail and fix, as they come out.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::text::{clean, wrapped};
use super::{Role, Theme, panel};
use crate::app::state::State;
use crate::doctor::{self, Finding, Status};

/// Glyph and word of a status.
pub(super) fn word(status: Option<Status>) -> (&'static str, &'static str, Role) {
    match status {
        None => ("…", "pending", Role::Muted),
        Some(Status::Pass) => ("✔", "pass", Role::Good),
        Some(Status::Skip) => ("–", "skip", Role::Muted),
        Some(Status::Warn) => ("!", "warn", Role::Warning),
        Some(Status::Fail) => ("✖", "fail", Role::Failed),
    }
}

/// The width of the panel where there is room for it.
const WIDTH: u16 = 120;

/// Draws the panel.
pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    scroll: usize,
    theme: &Theme,
) {
    let width = panel::inner_width(area, WIDTH);
    let health = &state.doctor;
    let mut lines = vec![verdict(state, theme)];
    if let Some(report) = &health.report {
        let text = format!(
            "{} {}: backend {} ({})",
            report.system, report.arch, report.backend_resolved, report.backend_reason
        );
        lines.extend(wrapped(&clean(&text), width, 0, theme.style(Role::Muted)));
    }
    lines.push(Line::default());
    let names = health.planned.iter();
    let column = names
        .clone()
        .map(|name| doctor::title(name).width())
        .max()
        .unwrap_or(0)
        .min(24);
    for name in names {
        let finding = health.found.iter().find(|finding| finding.name == *name);
        lines.append(&mut check(
            doctor::title(name),
            finding,
            column,
            width,
            theme,
        ));
    }
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let title = "Doctor: what works on this host";
    let inner = panel::open(frame, area, (WIDTH, height), title, theme);
    panel::lines(frame, inner, &lines, scroll, theme);
}

fn verdict(state: &State, theme: &Theme) -> Line<'static> {
    let health = &state.doctor;
    let (failures, warnings) = health.counts();
    let (text, role) = if health.is_running {
        let done = health.found.len();
        let text = format!(
            "Examining: {done} of {} checks came out.",
            health.planned.len()
        );
        (text, Role::Changing)
    } else if let Some(report) = &health.report {
        let (status, words) = report.verdict();
        let (glyph, _, role) = word(Some(status));
        let text =
            format!("{glyph} This host is {words}: {failures} failed, {warnings} to know of.");
        (text, role)
    } else if let Some(failure) = &health.failure {
        (format!("✖ {}", clean(&failure.message)), Role::Failed)
    } else {
        ("The host was not examined.".to_owned(), Role::Muted)
    };
    Line::styled(text, theme.style(role))
}

fn check(
    name: &str,
    finding: Option<&Finding>,
    column: usize,
    width: u16,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let (glyph, word, role) = word(finding.map(|finding| finding.status));
    let name = super::text::fit(&clean(name), column);
    let head = format!(
        "{glyph} {word:<8}{name}{} ",
        " ".repeat(column - name.width().min(column))
    );
    // On a narrow screen the detail goes below the name.
    let side_by_side = usize::from(width) >= head.width() + 30;
    let indent = if side_by_side { head.width() } else { 4 };
    let indent = u16::try_from(indent).unwrap_or(0);
    let detail = finding
        .map(|finding| clean(&finding.detail))
        .unwrap_or_default();
    let mut lines = wrapped(&detail, width, indent, theme.style(Role::Text));
    let head = vec![
        Span::styled(format!("{glyph} {word:<8}"), theme.style(role)),
        Span::styled(
            head.chars().skip(10).collect::<String>(),
            theme.style(Role::Text),
        ),
    ];
    if side_by_side {
        if let Some(first) = lines.first_mut() {
            first.spans.splice(0..1, head);
        }
    } else {
        if detail.is_empty() {
            lines.clear();
        }
        lines.insert(0, Line::from(head));
    }
    if let Some(fix) = finding.and_then(|finding| finding.fix.as_ref()) {
        let text = format!("→ {}", clean(fix));
        lines.append(&mut wrapped(
            &text,
            width,
            indent,
            theme.style(Role::Accent),
        ));
    }
    lines
}

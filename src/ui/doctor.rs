//! The doctor's checklist: both verdicts, a line for each check as they come out, and below them
//! all that is known of the selected one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::text::{clean, fit, lines, milliseconds, put, wrapped};
use super::{Role, Theme, panel};
use crate::app::state::{Doctor, State};
use crate::doctor::{self, Finding, Status, Verdict};

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
const WIDTH: u16 = 130;

/// The column of what stands behind a word such as `fix`.
const INDENT: u16 = 6;

/// Draws the panel.
pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    choice: Option<&str>,
    theme: &Theme,
) {
    let width = panel::inner_width(area, WIDTH);
    let doctor = &state.doctor;
    let top = verdicts(doctor, width, theme);
    let selected = doctor.shown(choice);
    let finding = doctor
        .planned
        .get(selected)
        .map(|name| doctor.finding(name));
    let details = finding
        .flatten()
        .map_or_else(Vec::new, |finding| details(finding, width, theme));
    // The same height whichever check is selected, so that the list stays where it is.
    let below = (area.height / 3).clamp(5, 12);
    let wanted = top.len() + doctor.planned.len() + usize::from(below) + 4;
    let height = u16::try_from(wanted).unwrap_or(u16::MAX);
    let title = "Doctor: what works on this host";
    let inner = panel::open(frame, area, (WIDTH, height), title, theme);
    let buffer = frame.buffer_mut();

    let head = u16::try_from(top.len()).unwrap_or(0).min(inner.height);
    lines(
        buffer,
        Rect {
            height: head,
            ..inner
        },
        &top,
        0,
    );
    let rest = inner.height - head;
    let below = below.min(rest.saturating_sub(3));
    let list = Rect {
        y: inner.y + head + u16::from(rest > 0),
        height: rest.saturating_sub(below + 2),
        ..inner
    };
    let first = first_row(selected, usize::from(list.height), doctor.planned.len());
    for (y, (at, name)) in
        (list.top()..list.bottom()).zip(doctor.planned.iter().enumerate().skip(first))
    {
        let row = row(doctor, name, inner.width);
        let (glyph, status, role) = row.head;
        let (head, style) = if at == selected {
            let style = theme.style(Role::Selection);
            buffer.set_style(
                Rect {
                    y,
                    height: 1,
                    ..list
                },
                style,
            );
            (style, style)
        } else {
            (theme.style(role), theme.style(Role::Text))
        };
        let x = put(
            buffer,
            list.x,
            y,
            list.width,
            &format!("{glyph} {status:<8}"),
            head,
        );
        let rest = list.right().saturating_sub(x);
        put(buffer, x, y, rest, &row.text, style);
    }
    let rule = Rect {
        y: list.bottom(),
        height: 1.min(rest),
        ..inner
    };
    let place = format!(" {} of {} ", selected + 1, doctor.planned.len());
    let dashes = usize::from(inner.width).saturating_sub(place.width() + 2);
    if rule.y < inner.bottom() && !doctor.planned.is_empty() {
        let rule_text = format!("{}{place}──", "─".repeat(dashes));
        put(
            buffer,
            rule.x,
            rule.y,
            rule.width,
            &rule_text,
            theme.style(Role::Rule),
        );
    }
    let foot = Rect {
        y: (rule.y + 1).min(inner.bottom()),
        height: inner.bottom().saturating_sub(rule.y + 1),
        ..inner
    };
    lines(buffer, foot, &cut(details, foot.height, theme), 0);
}

/// The first row that is seen: the selected one in the middle where there is more on both sides.
fn first_row(selected: usize, height: usize, count: usize) -> usize {
    selected
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height))
}

/// What is known of the host so far, one line for each backend.
fn verdicts(doctor: &Doctor, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let done = doctor.came;
    let progress = format!("{done} of {} checks came out", doctor.planned.len());
    let Some(report) = &doctor.report else {
        let (text, role) = if doctor.is_running {
            (format!("Examining: {progress}."), Role::Changing)
        } else if let Some(failure) = &doctor.failure {
            (format!("✖ {}", clean(&failure.message)), Role::Failed)
        } else {
            ("The host was not examined.".to_owned(), Role::Muted)
        };
        return vec![Line::styled(text, theme.style(role))];
    };
    let chosen = format!(
        "{} {}: backend {} ({})",
        report.system, report.arch, report.backend_resolved, report.backend_reason
    );
    let mut shown: Vec<Line<'static>> = report
        .verdicts
        .iter()
        .map(|verdict| one_verdict(verdict, usize::from(width), theme))
        .collect();
    let chosen = if doctor.is_running {
        format!("Examining again: {progress}.")
    } else {
        fit(&clean(&chosen), usize::from(width))
    };
    shown.insert(0, Line::styled(chosen, theme.style(Role::Muted)));
    shown
}

fn one_verdict(verdict: &Verdict, width: usize, theme: &Theme) -> Line<'static> {
    let (glyph, _, role) = word(Some(verdict.status()));
    let head = format!("{glyph} {:<13}{}", verdict.title(), verdict.word());
    let reasons = if verdict.reasons.is_empty() {
        String::new()
    } else {
        format!(": {}", clean(&verdict.reasons.join("; ")))
    };
    let reasons = fit(&reasons, width.saturating_sub(head.width()));
    Line::from(vec![
        Span::styled(head, theme.style(role)),
        Span::styled(reasons, theme.style(Role::Text)),
    ])
}

struct Row {
    head: (&'static str, &'static str, Role),
    text: String,
}

fn row(doctor: &Doctor, name: &str, width: u16) -> Row {
    let finding = doctor.finding(name);
    let titles = doctor
        .planned
        .iter()
        .map(|name| doctor::title(name).width());
    // On a narrow screen the detail has most of the room.
    let column = titles
        .max()
        .unwrap_or(0)
        .min(usize::from(width / 3))
        .min(24);
    let title = fit(&clean(doctor::title(name)), column);
    let detail = finding
        .map(|finding| clean(&finding.detail))
        .unwrap_or_default();
    let space = " ".repeat(column - title.width().min(column) + 1);
    Row {
        head: word(finding.map(|finding| finding.status)),
        text: format!("{title}{space}{detail}"),
    }
}

/// All of one finding: first what matters most, since the end may be cut off.
fn details(finding: &Finding, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let (glyph, status, role) = word(Some(finding.status));
    let title = Span::styled(
        format!("{glyph} {} ", clean(doctor::title(&finding.name))),
        theme.style(role),
    );
    let took = milliseconds(finding.took_us());
    let about = format!("{status} · {} · {took}", clean(&finding.name));
    let about = Span::styled(about, theme.style(Role::Muted));
    let mut all = vec![Line::from(vec![title, about])];
    all.extend(wrapped(
        &clean(&finding.detail),
        width,
        0,
        theme.style(Role::Text),
    ));
    let mut labelled = |label: &str, text: &str, style: Style| {
        let mut lines = wrapped(&clean(text), width, INDENT, style);
        let label = format!("{label:<indent$}", indent = usize::from(INDENT));
        if let Some(indent) = lines.first_mut().and_then(|line| line.spans.first_mut()) {
            *indent = Span::styled(label, theme.style(Role::Muted));
        }
        all.append(&mut lines);
    };
    if let Some(fix) = &finding.fix {
        labelled("fix", &fix.to_string(), theme.style(Role::Accent));
    }
    labelled("why", &finding.why, theme.style(Role::Text));
    labelled("seen", &finding.evidence, theme.style(Role::Muted));
    all
}

/// At most so many lines; the last says that there is more.
fn cut(mut lines: Vec<Line<'static>>, height: u16, theme: &Theme) -> Vec<Line<'static>> {
    if lines.len() > usize::from(height) {
        lines.truncate(usize::from(height));
        if let Some(last) = lines.last_mut() {
            last.push_span(Span::styled(" …", theme.style(Role::Muted)));
        }
    }
    lines
}

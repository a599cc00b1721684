//! The boot timeline: a waterfall of phases against the median of the VM's own past.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, f64_of, milliseconds};
use super::{Role, Theme};
use crate::app::boots::{self, Step};
use crate::app::row::Row;
use crate::app::state::State;
use crate::vm::{BootPhase, BootRecord};

/// What a phase means, in a few words.
fn meaning(phase: BootPhase) -> &'static str {
    match phase {
        BootPhase::Spawned => "spawned",
        BootPhase::VmmReady => "VMM answers",
        BootPhase::Started => "vCPUs run",
        BootPhase::FirstByte => "first byte",
        BootPhase::Kernel => "kernel",
        BootPhase::Init => "init",
        BootPhase::Ready => "ready",
    }
}

/// Draws the page.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let Some(row) = state.selected_row().filter(|_| area.width > 2) else {
        return;
    };
    let inner = text::inset(area);
    let lines = page(row, state, inner.width, theme);
    text::lines(frame.buffer_mut(), inner, &lines, state.scroll.page);
}

fn page(row: &Row, state: &State, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let Some(boot) = &row.vm.state.boot else {
        let text = "It has never been booted.";
        return vec![Line::styled(text, theme.style(Role::Muted))];
    };
    let all = row.boots.as_deref().unwrap_or_default();
    let past = boots::past(all, boot);
    let mut lines = vec![heading(boot, row, past.len(), theme)];
    let mut steps = boots::steps(&boot.phases, &past);
    let elapsed = row
        .uptime(state.now)
        .filter(|_| row.is_booting())
        .and_then(|elapsed| u64::try_from(elapsed.as_micros()).ok());
    let last = steps.last().map_or(0, |step| step.at_us);
    let total = match elapsed {
        Some(elapsed) => boots::scale(elapsed.max(last), &past),
        None => last.max(1),
    };
    steps.retain(|step| step.phase != BootPhase::Spawned);
    let bars = usize::from(width).saturating_sub(LABEL + FIGURES);
    for step in &steps {
        let mut line = self::step(step, total, bars, theme);
        if state.phase == Some(step.phase) {
            line = line.patch_style(theme.style(Role::Selection));
        }
        lines.push(line);
    }
    if let Some(elapsed) = elapsed.filter(|elapsed| *elapsed > last) {
        lines.push(waiting(last, elapsed, total, bars, theme));
    }
    if steps.is_empty() && elapsed.is_none() {
        let text = "No phase came before it ended.";
        lines.push(Line::styled(text, theme.style(Role::Muted)));
    }
    if !row.vm.phase.is_live()
        && let Some(remark) = row.remark()
    {
        lines.push(Line::styled(
            text::clean(&remark),
            theme.style(Role::Failed),
        ));
    }
    lines.push(Line::default());
    history(&mut lines, all, theme);
    lines
}

const LABEL: usize = 12;
const FIGURES: usize = 34;

fn heading(boot: &BootRecord, row: &Row, past: usize, theme: &Theme) -> Line<'static> {
    let result = match boot.phases.get(BootPhase::Ready) {
        Some(us) => format!("ready after {}", milliseconds(us)),
        None if row.is_booting() => "booting…".to_owned(),
        None => format!("{:?}", boot.result).to_lowercase(),
    };
    let against = match past {
        0 => "no earlier boot to compare with".to_owned(),
        1 => "against the boot before".to_owned(),
        n => format!("against the median of {n} boots"),
    };
    Line::from(vec![
        Span::styled(
            format!("Boot {}: {result}", boot.id),
            theme.style(Role::Title),
        ),
        Span::styled(
            format!("  {}/{} · {against}", boot.backend, boot.accel),
            theme.style(Role::Muted),
        ),
    ])
}

fn step(step: &Step, total: u64, bars: usize, theme: &Theme) -> Line<'static> {
    let (lead, bar) = place(step.from_us, step.at_us, total, bars);
    let delta = step
        .usual_us
        .map_or_else(String::new, |usual| difference(step.took_us(), usual));
    let role = match step.usual_us {
        Some(usual) if step.took_us() > usual + usual / 4 + 1000 => Role::Warning,
        _ => Role::Guest,
    };
    Line::from(vec![
        Span::styled(
            format!("{:<LABEL$}", meaning(step.phase)),
            theme.style(Role::Text),
        ),
        Span::raw(" ".repeat(lead)),
        Span::styled("█".repeat(bar), theme.style(role)),
        Span::raw(" ".repeat(bars.saturating_sub(lead + bar))),
        Span::styled(
            format!(
                " {:>9} {:>10}",
                milliseconds(step.at_us),
                format!("+{}", milliseconds(step.took_us()))
            ),
            theme.style(Role::Text),
        ),
        Span::styled(format!(" {delta:>12}"), theme.style(Role::Muted)),
    ])
}

/// How much longer or shorter than usual: `-3.1 ms`, `+12 %`.
fn difference(took: u64, usual: u64) -> String {
    let sign = if took >= usual { '+' } else { '−' };
    format!(
        "{sign}{} usual",
        milliseconds(took.abs_diff(usual)).replace(" ms", "ms")
    )
    .replace(" usual", "")
        + " med"
}

fn waiting(last: u64, elapsed: u64, total: u64, bars: usize, theme: &Theme) -> Line<'static> {
    let (lead, bar) = place(last, elapsed, total, bars);
    let elapsed = Duration::from_micros(elapsed);
    Line::from(vec![
        Span::styled(format!("{:<LABEL$}", "…"), theme.style(Role::Muted)),
        Span::raw(" ".repeat(lead)),
        Span::styled("▒".repeat(bar), theme.style(Role::Changing)),
        Span::raw(" ".repeat(bars.saturating_sub(lead + bar))),
        Span::styled(
            format!(" {:>9}", text::duration(elapsed)),
            theme.style(Role::Changing),
        ),
    ])
}

/// Where a bar begins and how long it is, in columns; each bar has one at least.
fn place(from: u64, to: u64, total: u64, bars: usize) -> (usize, usize) {
    let column = |us: u64| {
        let share =
            Duration::from_micros(us).as_secs_f64() / Duration::from_micros(total).as_secs_f64();
        (0..bars)
            .take_while(|column| f64_of(*column) + 0.5 < share * f64_of(bars))
            .count()
    };
    let lead = column(from).min(bars.saturating_sub(1));
    let end = column(to).max(lead + 1).min(bars);
    (lead, end.saturating_sub(lead))
}

/// The boots of the past, newest first.
fn history(lines: &mut Vec<Line<'static>>, all: &[BootRecord], theme: &Theme) {
    const MOST: usize = 50;
    if all.is_empty() {
        return;
    }
    lines.push(Line::styled("Past boots", theme.style(Role::Title)));
    for boot in all.iter().rev().take(MOST) {
        let ready = boot
            .phases
            .get(BootPhase::Ready)
            .map_or_else(|| format!("{:?}", boot.result).to_lowercase(), milliseconds);
        let at = boot.at.strftime("%Y-%m-%d %H:%M:%S");
        let text = format!(
            "{:>4}  {at}  {:>10}  {}/{}",
            boot.id, ready, boot.backend, boot.accel
        );
        lines.push(Line::styled(text, theme.style(Role::Text)));
    }
}

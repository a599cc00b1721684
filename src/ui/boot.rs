//! The boot timeline: a waterfall of phases, with what kernel and agent did inside, against the boots
//! that were alike.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, f64_of, milliseconds};
use super::{Role, Theme};
use crate::app::boots::{self, Past, Step, Usual};
use crate::app::row::Row;
use crate::app::state::State;
use crate::vm::{BootPhase, BootRecord, Spread};

mod hints;
mod inside;

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
    let nothing = Past::default();
    let past = row.past.as_ref().unwrap_or(&nothing);
    let usual = Usual::of(past, boot);
    let steps = boots::steps(&boot.phases, &usual.boots);
    let mut lines = vec![heading(boot, row, &usual, theme)];
    lines.extend(verdict(boot, &usual, &steps, theme));
    let elapsed = row
        .uptime(state.now)
        .filter(|_| row.is_booting())
        .and_then(|elapsed| u64::try_from(elapsed.as_micros()).ok());
    let last = steps.last().map_or(0, |step| step.at_us);
    let total = match elapsed {
        Some(elapsed) => boots::scale(elapsed.max(last), usual.ready()),
        None => last.max(1),
    };
    let fall = Waterfall {
        total,
        bars: usize::from(width).saturating_sub(LABEL + FIGURES),
        theme,
    };
    let most = if state.regions().page.height < 20 {
        3
    } else {
        8
    };
    let is_last = past.own.last().is_some_and(|last| last.id == boot.id);
    let kernel = past
        .kernel
        .as_ref()
        .filter(|_| is_last && elapsed.is_none());
    let mut is_empty = true;
    for step in steps.iter().filter(|step| step.phase != BootPhase::Spawned) {
        is_empty = false;
        let mut line = fall.step(step);
        if state.phase == Some(step.phase) {
            line = line.patch_style(theme.style(Role::Selection));
        }
        lines.push(line);
        match (step.phase, kernel) {
            (BootPhase::Init, Some(kernel)) => lines.extend(fall.kernel(kernel, most)),
            (BootPhase::Ready, _) => lines.extend(fall.agent(&boot.guest_stages, step)),
            _ => {}
        }
    }
    if let Some(elapsed) = elapsed.filter(|elapsed| *elapsed > last) {
        lines.push(fall.waiting(last, elapsed));
    }
    if is_empty && elapsed.is_none() {
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
    if let Some(quiet) = kernel.and_then(|kernel| inside::quiet(boot, kernel)) {
        lines.push(Line::styled(quiet, theme.style(Role::Muted)));
    }
    for (other, times) in boots::elsewhere(past, boot) {
        lines.push(elsewhere(boot, other, times, theme));
    }
    if elapsed.is_none() {
        lines.extend(hints::lines(row, past, boot, state, width, theme));
    }
    lines.push(Line::default());
    history(&mut lines, &past.own, theme);
    lines
}

const LABEL: usize = 12;
const FIGURES: usize = 34;

fn heading(boot: &BootRecord, row: &Row, usual: &Usual<'_>, theme: &Theme) -> Line<'static> {
    let result = match boot.phases.get(BootPhase::Ready) {
        Some(us) => format!("ready after {}", milliseconds(us)),
        None if row.is_booting() => "booting…".to_owned(),
        None => format!("{:?}", boot.result).to_lowercase(),
    };
    let against = match (usual.ready(), usual.of_others) {
        (None, _) => "no earlier boot alike".to_owned(),
        (Some(usual), false) => format!("usual {} of {}", spread(usual), usual.n),
        (Some(usual), true) => format!("usual {} of {}, other VMs too", spread(usual), usual.n),
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

/// The median and the middle half: `812 ms (790–840)`.
fn spread(times: Spread) -> String {
    let bare = |us| milliseconds(us).replace(" ms", "");
    let (p25, p75) = (bare(times.p25), bare(times.p75));
    format!("{} ({p25}–{p75})", milliseconds(times.p50))
}

/// That the boot was slower than its past explains, and where.
fn verdict(
    boot: &BootRecord,
    usual: &Usual<'_>,
    steps: &[Step],
    theme: &Theme,
) -> Option<Line<'static>> {
    let (ready, usual) = (boot.phases.get(BootPhase::Ready), usual.ready()?);
    let late = ready.filter(|us| usual.is_exceeded_by(*us));
    let slow = steps.iter().filter(|step| step.is_slow());
    let more = |step: &&Step| {
        step.took_us()
            .saturating_sub(step.usual.map_or(0, |it| it.p50))
    };
    let worst = slow.max_by_key(more);
    let place = worst.map(|step| {
        let more = milliseconds(more(&step));
        format!("{} took {more} longer", meaning(step.phase))
    });
    let text = match (late, place) {
        (None, None) => return None,
        (Some(us), place) => {
            let more = milliseconds(us - usual.p50);
            let place = place.map_or_else(String::new, |place| format!(": {place}"));
            format!("▲ {more} slower than usual{place}")
        }
        (None, Some(place)) => format!("▲ {place} than usual"),
    };
    Some(Line::styled(text, theme.style(Role::Warning)))
}

/// The same guest on another backend or accelerator.
fn elsewhere(boot: &BootRecord, other: &BootRecord, times: Spread, theme: &Theme) -> Line<'static> {
    let ready = boot.phases.get(BootPhase::Ready);
    let delta = ready.map_or_else(String::new, |us| {
        format!(", this boot {}", difference(us, times.p50))
    });
    let text = format!(
        "On {}/{}: {} of {}{delta}",
        other.backend,
        other.accel,
        spread(times),
        times.n
    );
    Line::styled(text, theme.style(Role::Text))
}

/// How much longer or shorter: `−3.1 ms`.
fn difference(took: u64, usual: u64) -> String {
    let sign = if took >= usual { '+' } else { '−' };
    format!("{sign}{}", milliseconds(took.abs_diff(usual)))
}

/// Bars on one scale.
struct Waterfall<'a> {
    /// What their whole width stands for, in µs.
    total: u64,
    /// That width, in columns.
    bars: usize,
    theme: &'a Theme,
}

impl Waterfall<'_> {
    fn step(&self, step: &Step) -> Line<'static> {
        let delta = step
            .usual
            .map_or_else(String::new, |usual| difference(step.took_us(), usual.p50));
        let (role, mark) = if step.is_slow() {
            (Role::Warning, "▲")
        } else {
            (Role::Guest, "")
        };
        let text = self.theme.style(Role::Text);
        let label = Span::styled(format!("{:<LABEL$}", meaning(step.phase)), text);
        let figures = format!(
            " {:>9} {:>10}",
            milliseconds(step.at_us),
            format!("+{}", milliseconds(step.took_us()))
        );
        let beside = if step.is_slow() { role } else { Role::Muted };
        let mut line = self.bar(label, step.from_us, step.at_us, "█", role);
        line.push_span(Span::styled(figures, text));
        let delta = format!(" {:>12}", format!("{mark}{delta}"));
        line.push_span(Span::styled(delta, self.theme.style(beside)));
        line
    }

    fn waiting(&self, last: u64, elapsed: u64) -> Line<'static> {
        let style = self.theme.style(Role::Changing);
        let label = Span::styled(format!("{:<LABEL$}", "…"), self.theme.style(Role::Muted));
        let mut line = self.bar(label, last, elapsed, "▒", Role::Changing);
        let elapsed = text::duration(Duration::from_micros(elapsed));
        line.push_span(Span::styled(format!(" {elapsed:>9}"), style));
        line
    }

    /// Where a bar begins and how long it is, in columns; each bar has one at least.
    fn place(&self, from: u64, to: u64) -> (usize, usize) {
        let whole = Duration::from_micros(self.total).as_secs_f64();
        let column = |us: u64| {
            let share = Duration::from_micros(us).as_secs_f64() / whole;
            (0..self.bars)
                .take_while(|column| f64_of(*column) + 0.5 < share * f64_of(self.bars))
                .count()
        };
        let lead = column(from).min(self.bars.saturating_sub(1));
        let end = column(to).max(lead + 1).min(self.bars);
        (lead, end.saturating_sub(lead))
    }

    /// A label, and a bar from one time to another.
    fn bar(
        &self,
        label: Span<'static>,
        from: u64,
        to: u64,
        glyph: &str,
        role: Role,
    ) -> Line<'static> {
        let (lead, bar) = self.place(from, to);
        Line::from(vec![
            label,
            Span::raw(" ".repeat(lead)),
            Span::styled(glyph.repeat(bar), self.theme.style(role)),
            Span::raw(" ".repeat(self.bars.saturating_sub(lead + bar))),
        ])
    }
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

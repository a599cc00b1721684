//! The boots of all VMs, those that are gone included: a table of their kinds, and a plot of each
//! by day.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, ABSENT, clean, f64_of, fit, milliseconds};
use super::{Role, Theme, panel};
use crate::app::history::{self, Day, Kind};
use crate::app::state::State;
use crate::vm::{BootPhase, Spread};

/// Columns of what stands before and after a plot.
const DATE: usize = 12;
const TIMES: usize = 32;
/// Columns of the name of a kind, at least and at most, and of all that follows it.
const NAME: (usize, usize) = (13, 28);
const AFTER_NAME: usize = 66;

/// Draws the panel.
pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    scroll: usize,
    theme: &Theme,
) {
    let size = (area.width, area.height);
    let inner = panel::open(frame, area, size, "Boots of all VMs", theme);
    let width = usize::from(inner.width);
    let muted = theme.style(Role::Muted);
    let lines = match state.history.as_deref() {
        None => vec![Line::styled("Reading the history…", muted)],
        Some([]) => vec![Line::styled("No VM was ever booted here.", muted)],
        Some(boots) => page(&history::kinds(boots), width, theme),
    };
    panel::lines(frame, inner, &lines, scroll, theme);
}

fn page(kinds: &[Kind<'_>], width: usize, theme: &Theme) -> Vec<Line<'static>> {
    let name = width.saturating_sub(AFTER_NAME).clamp(NAME.0, NAME.1);
    let head = row(
        name,
        [
            "IMAGE",
            "BACKEND",
            "SIZE",
            "BOOTS",
            "FAILED",
            "MEDIAN",
            "MIDDLE HALF",
        ]
        .map(str::to_owned),
    );
    let mut lines = vec![Line::styled(head, theme.style(Role::Muted))];
    let text = theme.style(Role::Text);
    for kind in kinds {
        let first = kind.alike.first();
        let ready = kind.alike.spread(BootPhase::Ready);
        let cells = row(
            name,
            [
                clean(&first.content()),
                format!("{}/{}", first.backend, first.accel),
                format!("{}×{}M", first.cpus, first.mem_size_mib),
                kind.alike.boots().len().to_string(),
                kind.failed().to_string(),
                ready.map_or_else(|| ABSENT.to_owned(), |ready| milliseconds(ready.p50)),
                ready.map_or_else(String::new, half),
            ],
        );
        lines.push(Line::styled(fit(&cells, width), text));
        if !kind.words.is_empty() {
            let words = format!("  with {}", clean(&kind.words.join(" ")));
            lines.push(Line::styled(fit(&words, width), theme.style(Role::Muted)));
        }
    }
    let days = kinds.iter().flat_map(|kind| &kind.days);
    let longest = days.filter_map(|day| Some(day.ready?.p75)).max();
    for kind in kinds {
        let first = kind.alike.first();
        let own = match kind.words.as_slice() {
            [] => String::new(),
            words => format!(" with {}", clean(&words.join(" "))),
        };
        let of = format!(
            "{} on {}/{}{own}, by day",
            clean(&first.content()),
            first.backend,
            first.accel
        );
        lines.push(Line::default());
        lines.push(Line::styled(fit(&of, width), theme.style(Role::Title)));
        let days = kind.days.iter().rev();
        lines.extend(days.map(|day| plot(day, longest.unwrap_or(1), width, theme)));
    }
    lines
}

fn row(name: usize, [image, backend, size, boots, failed, median, half]: [String; 7]) -> String {
    let image = fit(&image, name);
    format!("{image:<name$} {backend:<15} {size:<8} {boots:>5} {failed:>6} {median:>9}  {half}")
}

fn half(ready: Spread) -> String {
    let bare = |us| milliseconds(us).replace(" ms", "");
    format!("{}–{} ms", bare(ready.p25), bare(ready.p75))
}

/// A day as a box on a scale that all days share: a line to the first quartile, a bar to the third, the
/// median marked in it.
fn plot(day: &Day, longest: u64, width: usize, theme: &Theme) -> Line<'static> {
    let room = width.saturating_sub(DATE + TIMES).max(1);
    let seconds = |us| Duration::from_micros(us).as_secs_f64();
    let column = |us: u64| {
        let share = seconds(us) / seconds(longest.max(1));
        (0..room - 1)
            .take_while(|column| f64_of(*column) + 0.5 < share * f64_of(room - 1))
            .count()
    };
    let role = if day.is_slow {
        Role::Warning
    } else {
        Role::Guest
    };
    let mut line = Line::from(Span::styled(
        format!("{:<DATE$}", day.date),
        theme.style(Role::Text),
    ));
    let (bar, times) = match day.ready {
        None => (" ".repeat(room), "none was ready".to_owned()),
        Some(ready) => {
            let (from, middle, to) = (column(ready.p25), column(ready.p50), column(ready.p75));
            let glyph = |at: usize| match at {
                _ if at == middle => '┃',
                _ if at < from => '─',
                _ if at <= to => '█',
                _ => ' ',
            };
            let mark = if day.is_slow { "▲" } else { "" };
            let times = format!("{mark}{} ({})", milliseconds(ready.p50), half(ready));
            ((0..room).map(glyph).collect(), times)
        }
    };
    line.push_span(Span::styled(bar, theme.style(role)));
    let style = theme.style(if day.is_slow { role } else { Role::Text });
    let times = format!(" {:>4} × {times}", day.boots);
    line.push_span(Span::styled(text::fit(&times, TIMES), style));
    line
}

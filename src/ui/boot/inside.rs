//! What lies inside the phases: the kernel's slowest stretches and the agent's stages. Both are told on
//! the guest's own clock, which emulation lets run at another pace than the host's; their bars lie
//! where the host saw them.

use ratatui::text::{Line, Span};

use super::{FIGURES, LABEL, Waterfall};
use crate::app::boots::{self, Step};
use crate::ui::Role;
use crate::ui::text::{self, milliseconds};
use crate::vm::{BootRecord, GuestStages, KernelLog, Stretch};

/// A shorter stretch of the kernel is not told, in µs.
const LEAST_US: u64 = 5_000;
/// Columns that the line before a stretch has at least.
const LEAST_AFTER: usize = 14;

impl Waterfall<'_> {
    /// The kernel's slowest stretches, in their order.
    pub(super) fn kernel(&self, kernel: &KernelLog, most: usize) -> Vec<Line<'static>> {
        let mut slowest = kernel.slowest(most, LEAST_US);
        slowest.sort_by_key(|stretch| stretch.at_us);
        let line = |stretch: &Stretch| {
            self.within(stretch.took_us, stretch.read_us, |room| {
                let until = text::fit(&stretch.until, room.saturating_sub(LEAST_AFTER));
                let rest = room.saturating_sub(until.chars().count() + 3);
                format!("{} → {until}", text::fit(&stretch.after, rest))
            })
        };
        slowest.iter().map(line).collect()
    }

    /// The agent's stages on the way to *ready*: they share the time of the step as they do on the
    /// guest's clock.
    pub(super) fn agent(&self, stages: &GuestStages, step: &Step) -> Vec<Line<'static>> {
        let took = std::time::Duration::from_micros(step.took_us());
        let at = |share: f64| {
            let since = took.mul_f64(share.clamp(0.0, 1.0)).as_micros();
            step.from_us + u64::try_from(since).unwrap_or(0)
        };
        let line = |stage: &boots::Stage<'_>| {
            let place = (at(stage.share.0), at(stage.share.1));
            self.within(stage.took_us, Some(place), |_| {
                format!("agent: {}", stage.name)
            })
        };
        boots::stages(stages).iter().map(line).collect()
    }

    /// A thin bar behind its time on the guest's clock, and words that fit the room that is left.
    fn within(
        &self,
        took_us: u64,
        place: Option<(u64, u64)>,
        words: impl Fn(usize) -> String,
    ) -> Line<'static> {
        let muted = self.theme.style(Role::Muted);
        let label = format!("{:>width$}  ", milliseconds(took_us), width = LABEL - 2);
        let (lead, bar) = place.map_or((0, 0), |(from, to)| self.place(from, to));
        let room = (self.bars + FIGURES).saturating_sub(lead + bar + 1);
        Line::from(vec![
            Span::styled(label, muted),
            Span::raw(" ".repeat(lead)),
            Span::styled("─".repeat(bar), self.theme.style(Role::Guest)),
            Span::styled(format!(" {}", text::fit(&words(room), room)), muted),
        ])
    }
}

/// Why nothing is told of the kernel, or not all.
pub(super) fn quiet(boot: &BootRecord, kernel: &KernelLog) -> Option<&'static str> {
    if !kernel.is_whole {
        return Some("The log no longer has the beginning of this boot.");
    }
    if !kernel.lines.is_empty() {
        return None;
    }
    let is_hushed = |word: &str| word == "quiet" || word.starts_with("loglevel=");
    Some(if boot.boot_args.split(' ').any(is_hushed) {
        "The kernel was told to be quiet: where its time went is not known."
    } else {
        "The kernel stamped no line: where its time went is not known."
    })
}
